// Timers that only move when a test says so. To be imported before the runtime, which takes the timers for itself.

import { mock } from 'node:test'

mock.timers.enable({ apis: ['setTimeout'] })
