import OctavoQueue
import Testing

@Suite struct LoadWindowTests {
    @Test func `rows are ordered by falling length, and equal lengths by line`() {
        let window = LoadWindow(
            [3, 9, 3, 12, 9].enumerated().map { QueueFixture.row($0.offset + 1, promptTokens: $0.element) })
        #expect(window.order == [3, 1, 4, 0, 2])
    }

    @Test func `a segment ends where the length has fallen by a quarter`() {
        let lengths = [100, 90, 80, 79, 64, 63, 50]
        let window = LoadWindow(lengths.enumerated().map { QueueFixture.row($0.offset + 1, promptTokens: $0.element) })
        #expect(window.segments.map(\.places) == [0..<3, 3..<5, 5..<6, 6..<7])
        #expect(window.segments.map(\.promptTokens) == [100, 79, 63, 50])
    }

    @Test func `a segment holds at most 4096 rows, and the greatest answer length of any`() {
        var rows = (1...5000).map { QueueFixture.row($0, promptTokens: 10) }
        rows[17].maximumNewTokens = 99
        let window = LoadWindow(rows)
        #expect(window.segments.map(\.places) == [0..<4096, 4096..<5000])
        #expect(window.segments.map(\.maximumNewTokens) == [99, 10])
    }

    @Test func `a large window of unlike lengths begins with a sample of them`() throws {
        let rows = (1...1600).map { QueueFixture.row($0, promptTokens: $0) }
        let window = LoadWindow(rows)
        #expect(window.order.sorted() == Array(0..<1600))
        let sample = window.segments[0]
        #expect(sample.places == 0..<101 && sample.promptTokens == 1600)
        let lengths = window.order[sample.places].map { rows[$0].promptTokens }
        #expect(lengths == lengths.sorted(by: >) && lengths.reduce(0, +) / 101 == 807)
        let rest = window.order.dropFirst(101).map { rows[$0].promptTokens }
        #expect(rest == rest.sorted(by: >))
        // Its claim comes first: no other segment has longer prompts.
        #expect(window.segments.dropFirst().allSatisfy { $0.promptTokens < 1600 })
    }

    @Test func `no rows make no segments`() {
        #expect(LoadWindow([]).segments.isEmpty)
    }
}
