declare module 'jstat' {
  const jstat: {
    /** Logarithm of the gamma function. */
    gammaln(x: number): number
    beta: {
      cdf(x: number, alpha: number, beta: number): number
      inv(p: number, alpha: number, beta: number): number
    }
    studentt: {
      inv(p: number, freedom: number): number
    }
  }
  export default jstat
}
