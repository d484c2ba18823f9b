"""The commands of `js-host`, one file each: HELP, `add_arguments(parser)` and `main(arguments)`."""
