/** Whether only this machine can reach an address: 127.0.0.1 and its like. @param {string} address */
export function isLoopback (address) {
  return /^(::ffff:)?127(\.\d{1,3}){3}$/i.test(address) || address === '::1' || address.toLowerCase() === 'localhost'
}
