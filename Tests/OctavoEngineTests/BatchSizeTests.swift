import OctavoEngine
import OctavoTestSupport
import Testing

@Suite struct BatchSizeTests {
    @Test func `rows that cost nothing are all taken`() {
        #expect(BatchSize.choose { _ in 0.1 } == 128)
    }

    @Test func `rows that cost as much as they add are not`() {
        #expect(BatchSize.choose { rows in 0.01 * Double(rows) } == 32)
    }

    @Test func `the number is where the next gains too little`() {
        #expect(BatchSize.choose { rows in [32: 1, 64: 1.5, 128: 2.9][rows] } == 64)
    }

    @Test func `what there is no room for is not chosen`() {
        #expect(BatchSize.choose { rows in rows < 64 ? 0.1 : nil } == 32)
        #expect(BatchSize.choose { _ in nil } == 32)
    }

    @Test func `no more steps are timed than decide`() {
        var timed: [Int] = []
        _ = BatchSize.choose { rows in
            timed.append(rows)
            return Double(rows)
        }
        #expect(timed == [32, 64])
    }

    @Test func `a measurement gives all sequences back`() {
        let runner = ScriptedRunner()
        let rows = BatchSize.measure(on: runner)
        // The runner's steps have 64 rows of logits at most.
        #expect([32, 64].contains(rows))
        #expect(runner.sequenceCount == 0)
    }
}
