// What Node's Buffer has, and its published types do not: the quickest ways from text to bytes and back.

interface Buffer {
  utf8Slice (start: number, end: number): string
  utf8Write (text: string, at: number): number
}
