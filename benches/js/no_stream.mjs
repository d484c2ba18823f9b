// What stands for node:stream where the page is rendered without Node, and so never streamed.
export const PassThrough = undefined
