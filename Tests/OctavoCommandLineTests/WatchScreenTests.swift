import OctavoQueue
import Testing
import octavo

@Suite struct WatchScreenTests {
    private static func batch(
        _ id: Int64, _ name: String, _ state: BatchState, done: Int, failed: Int = 0, total: Int, left: Double? = nil,
        failures: [BatchStatus.FailureKind] = []
    ) -> WatchScreen.Batch {
        let summary = BatchSummary(
            id: id, name: name, source: name, state: state, total: total, done: done, failed: failed)
        let status = BatchStatus(
            summary: summary, leased: 0, retrying: 0, requestsPerSecond: 1, tokensPerSecond: 812.4,
            failureKinds: failures)
        return WatchScreen.Batch(status, secondsLeft: left)
    }

    private static let screen = WatchScreen(
        batches: [
            batch(3, "old", .completed, done: 10, total: 10),
            batch(
                7, "nightly\u{1B}[31m", .active, done: 1200, failed: 34, total: 2468, left: 192,
                failures: [.init(kind: "too_long", count: 34, example: #"{"message":"is\n9000"}"#)]),
        ],
        workers: [],
        answers: [
            .init(customID: "row-17", text: "Rain\tis \u{1B}[2Ja\npotent \u{202E}force."),
            .init(customID: "日本語の名前", text: "東京は日本の首都です。"),
        ])

    @Test func `a wide terminal shows bars, failures and the latest answers`() {
        #expect(
            Self.screen.lines(width: 100, height: 24) == [
                "octavo status" + String(repeating: " ", count: 80) + "q quits",
                "",
                "batch 7  nightly[31m  active",
                "  ████████████████░░░░░░░░░░░░░░░░░  50.0%  1,234/2,468  34 failed  812 tokens/s  3m12s left",
                "batch 3  old  completed",
                "  █████████████████████████████████  100.0%  10/10",
                "",
                "no workers",
                "",
                "failures",
                "  34  too_long  batch 7  is 9000",
                "",
                "latest answers",
                "  row-17        Rain is [2Ja potent force.",
                "  日本語の名前  東京は日本の首都です。",
            ])
    }

    @Test(arguments: [(40, 12), (80, 24), (20, 5), (8, 3), (1, 1), (200, 60)])
    func `no line is wider than the terminal, nor are there more`(width: Int, height: Int) {
        let lines = Self.screen.lines(width: width, height: height)
        #expect(lines.count <= height)
        for line in lines {
            #expect(DisplayText.width(of: line) <= width, "\(line)")
            #expect(!line.unicodeScalars.contains { $0.value < 0x20 || $0 == "\u{202E}" })
        }
    }

    @Test func `text is measured and cut by cells`() {
        #expect(DisplayText.width(of: "日本e\u{301}👩‍🚀!") == 8)
        #expect(DisplayText.fit("日本語", 6) == "日本語")
        #expect(DisplayText.fit("日本語", 5) == "日本…")
        #expect(DisplayText.fit("日本語", 4) == "日…")
        #expect(DisplayText.fit("abc", 0) == "")
        #expect(DisplayText.pad("日", 4) == "日  ")
        #expect(DisplayText.clean("  a\r\n\u{0}b\u{7F}\u{9B}31m  ") == "a b31m")
    }
}
