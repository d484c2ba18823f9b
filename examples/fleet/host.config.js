// Renders the rows of a catalogue, and tells which processes did it.
const escape = (text) => String(text).replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt()};`)

module.exports = {
  functions: {
    render: (row) => ({
      html: `<li>${escape(row.name)}: ${row.price.toFixed(2)}</li>`,
      node: process.pid,
      python: process.ppid
    })
  }
}
