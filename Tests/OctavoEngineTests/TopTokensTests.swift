import OctavoCore
import OctavoEngine
import OctavoTestSupport
import Testing

@Suite struct TopTokensTests {
    @Test(arguments: [1, 2, 15, 16, 17, 333, 5000])
    func `the most likely tokens and every token's rank are those of a full sort, ties to the lower id`(size: Int) {
        var generator = SeededGenerator.random()
        for round in 0..<6 {
            // Coarse numbers have many ties.
            let steps: Float = [1, 4, 1000][round % 3]
            let logits = (0..<size).map { _ in (Float.random(in: -8...8, using: &generator) * steps).rounded() / steps }
            let order = logits.indices.sorted { (logits[$1], $0) < (logits[$0], $1) }.map { TokenID($0) }
            logits.withUnsafeBufferPointer { row in
                for count in [0, 1, 2, 20, 64, size / 2, size, size + 5] {
                    #expect(LogitsSummary.top(row, count: count) == Array(order.prefix(count)), "\(generator)")
                }
                for place in [0, 1, size / 3, size - 1] where place < size {
                    #expect(LogitsSummary.rank(of: order[place], in: row) == place + 1, "\(generator)")
                }
            }
        }
    }

    @Test func `logits in order, up or down, are sorted too`() {
        let rising = (0..<500).map { Float($0) }
        for logits in [rising, rising.reversed()] {
            let order = logits.indices.sorted { logits[$0] > logits[$1] }.map { TokenID($0) }
            logits.withUnsafeBufferPointer { #expect(LogitsSummary.top($0, count: 40) == Array(order.prefix(40))) }
        }
    }
}
