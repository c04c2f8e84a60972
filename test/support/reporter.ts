import Mocha from 'mocha'

/** Mocha's own report, whose very last line is a count that any tool can read. */
export default class CountingReporter extends Mocha.reporters.Spec {
  override epilogue(): void {
    super.epilogue()
    const { passes = 0, failures = 0 } = this.stats ?? {}
    process.stdout.write(`${passes} passed, ${failures} failed\n`)
  }
}
