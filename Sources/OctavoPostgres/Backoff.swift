/// Growing pauses between attempts, with jitter so that many workers do not return at one moment.
struct Backoff {
    private var ceiling: Duration = .milliseconds(100)
    private static let longest: Duration = .seconds(5)

    /// The next pause: between half of a limit and the limit, which doubles from 0.1 s to 5 s.
    mutating func next() -> Duration {
        defer { ceiling = min(ceiling * 2, Self.longest) }
        return ceiling * Double.random(in: 0.5...1)
    }
}
