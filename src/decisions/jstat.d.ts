declare module 'jstat' {
  const jstat: {
    beta: {
      cdf(x: number, alpha: number, beta: number): number
      inv(p: number, alpha: number, beta: number): number
    }
  }
  export default jstat
}
