/// How often, and after which pauses, a failed request is tried again.
public struct RetryPolicy: Sendable, Hashable {
    /// Tries in a row that bring nothing before it is given up.
    public var attempts = 6
    /// The pause after the first failure; each next one is twice as long.
    public var firstPause = Duration.seconds(1)
    /// The longest pause.
    public var longestPause = Duration.seconds(30)
    /// The longest pause that a server may ask for.
    public var longestAskedPause = Duration.seconds(300)

    /// The policy that suits a hub on the internet.
    public init() {}

    /// Runs `body` until it succeeds, fails for good, or has failed too often.
    ///
    /// - Parameter onPause: is told why and for how long there is a pause.
    /// - Throws: what `body` throws, and a `HubError` about `subject` in place of its last `TransientFailure`.
    func run<Result>(
        _ subject: String, onPause: (String, Duration) -> Void, _ body: () async throws -> Result
    ) async throws -> Result {
        var failures = 0
        while true {
            do {
                return try await body()
            } catch let failure as TransientFailure {
                failures = failure.madeProgress ? 1 : failures + 1
                let pause = try pause(after: failure, failures, subject)
                onPause(failure.reason, pause)
                try await Task.sleep(for: pause)
            }
        }
    }

    /// Waits as the server asks, else exponentially; shortened at random, so that many clients do not return together.
    private func pause(after failure: TransientFailure, _ failures: Int, _ subject: String) throws -> Duration {
        let remedy = "Check the network, and run the command again: it goes on where it was."
        guard failures < attempts else { throw HubError(.unavailable, subject, failure.reason, remedy: remedy) }
        if let asked = failure.askedPause {
            guard asked <= longestAskedPause else {
                throw HubError(
                    .unavailable, subject,
                    "\(failure.reason), and is to be left alone for \(asked.components.seconds) s",
                    remedy: "Run the command again then: it goes on where it was.")
            }
            return asked
        }
        let exponential = min(firstPause * (1 << min(failures - 1, 20)), longestPause)
        return exponential * Double.random(in: 0.5...1)
    }
}

/// A failure that may pass.
struct TransientFailure: Error {
    /// What failed, as a phrase.
    var reason: String
    /// How long the server asks to be left alone.
    var askedPause: Duration?
    /// Whether something was gained before it failed.
    var madeProgress = false
}
