// Where this runtime is: its own lines are not the user's, in a stack or among what was loaded.

import { fileURLToPath } from 'node:url'

/** The directory, as a URL. Stacks name ES modules so. */
export const RUNTIME_URL = new URL('.', import.meta.url).href

/** The directory, as a path. Stacks name the bundle so. */
export const RUNTIME_PATH = fileURLToPath(RUNTIME_URL)

/** Whether a line speaks of a file of this runtime. @param {string} line */
export function isOurs (line) {
  return line.includes(RUNTIME_PATH) || line.includes(RUNTIME_URL)
}
