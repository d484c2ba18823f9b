/**
 * Which name was probably meant.
 */

/** With longer names, or more of them, the answer would take too long: every call waits for it. */
const MOST_NAMES = 200
const MOST_LETTERS = 100

/**
 * The known name that is most like `name`: one that differs in its case or its dashes only, or in few letters.
 * @param {string} name
 * @param {string[]} known
 * @returns {string | undefined}
 */
export function nearest (name, known) {
  const wanted = plain(name)
  if (wanted === '' || wanted.length > MOST_LETTERS) return undefined
  const few = wanted.length < 3 ? 0 : Math.max(1, Math.floor(wanted.length / 3))
  const alike = known.slice(0, MOST_NAMES).filter((one) => Math.abs(plain(one).length - wanted.length) <= few)
  const distances = alike.map((one) => ({ one, far: distance(wanted, plain(one)) }))
  return distances.filter(({ far }) => far <= few).sort((a, b) => a.far - b.far)[0]?.one
}

/** helloWorld, hello-world and hello_world → helloworld. @param {string} name */
function plain (name) {
  return name.toLowerCase().replace(/[-_. ]/g, '')
}

/**
 * How many letters to change, add or leave out (Levenshtein's distance).
 * @param {string} a
 * @param {string} b
 */
function distance (a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}
