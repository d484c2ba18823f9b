'use strict'
module.exports = { functions: require('./functions.cjs') }
