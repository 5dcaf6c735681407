import Foundation
import Logging
import OctavoCore
import OctavoPostgres
import OctavoQueue

/// A worker without an engine: leases requests, and finishes them with the same answer each. As a worker does, it claims
/// the next group while it writes the last, on another connection.
struct QueueClient: Sendable {
    /// What it did, and when.
    struct Tally: Codable, Sendable {
        var requests = 0
        /// The round trip of each claim in microseconds.
        var claims: [Int] = []
        /// Seconds since 1970.
        var begin = 0.0
        var end = 0.0
    }

    /// Held by whoever starts clients, until all of them wait for it.
    static let barrier = 0x6265_6E63

    let claiming: Queue
    let writing: Queue
    let group: Int
    let completion: [UInt8]
    /// Claims at most so often.
    let claims: Int

    private static let timeToLive = Duration.seconds(60)

    /// Works until nothing is left, or the claims are used up.
    func run() async throws -> Tally {
        var tally = Tally()
        tally.begin = Date().timeIntervalSince1970
        var next = try await claim()
        while let (lease, duration) = next {
            tally.claims.append(Int(duration / .microseconds(1)))
            let mayClaim = tally.claims.count < claims
            async let claimed = mayClaim ? claim() : nil
            let results = lease.requests.map {
                FinishedRequest(
                    key: $0.key, finishReason: 0, promptTokens: $0.promptTokens, completionTokens: 300, body: completion
                )
            }
            let outcome = try await writing.finish(
                token: lease.token, results, timeToLive: Self.timeToLive)
            tally.requests += outcome.accepted + outcome.already
            next = try await claimed
        }
        tally.end = Date().timeIntervalSince1970
        return tally
    }

    private func claim() async throws -> (Lease, Duration)? {
        let start = ContinuousClock.now
        let request = ClaimRequest(
            worker: "bench-\(getpid())", models: ["null"], maximumRequests: group, tokenBudget: .max,
            timeToLive: Self.timeToLive)
        return try await claiming.claim(request).map { ($0, ContinuousClock.now - start) }
    }
}

/// Some clients, each a process.
struct QueueClients {
    let url: String
    let workload: QueueWorkload

    /// Runs clients side by side, from one moment, until nothing is left.
    ///
    /// - Parameter during: runs beside them.
    func run(
        _ count: Int, group: Int, claims: Int = .max, during: () async throws -> Void = {}
    ) async throws -> [QueueClient.Tally] {
        let session = try PostgresSession(PostgresConfiguration(connectionString: url))
        try session.query("SELECT pg_advisory_lock(\(QueueClient.barrier))")
        let children = try (0..<count).map { _ in
            try ChildProcess(
                "/proc/self/exe",
                [
                    "bench", "queue-client", "--database", url, "--group", "\(group)", "--claims", "\(claims)",
                    "--completion-bytes", "\(workload.completionBytes)",
                ], environment: ProcessInfo.processInfo.environment)
        }
        defer { for child in children { child.signal(SIGKILL) } }
        while try waiting(session) < count {
            if let child = children.first(where: { $0.wait(timeout: .zero) != nil }) { throw Self.failure(child) }
            try await Task.sleep(for: .milliseconds(5))
        }
        try session.query("SELECT pg_advisory_unlock(\(QueueClient.barrier))")
        try await during()
        return try children.map { child in
            guard child.wait() == 0 else { throw Self.failure(child) }
            return try JSONDecoder().decode(QueueClient.Tally.self, from: Data(child.standardOutput))
        }
    }

    private func waiting(_ session: PostgresSession) throws -> Int {
        try session.query(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = \(QueueClient.barrier) AND NOT granted"
        ).only().int(0)
    }

    private static func failure(_ child: ChildProcess) -> CommandFailure {
        CommandFailure(.unavailable, "a client failed: \(String(decoding: child.standardError, as: UTF8.self))")
    }
}

extension [QueueClient.Tally] {
    /// Requests finished by all.
    var requests: Int { reduce(0) { $0 + $1.requests } }

    /// From the first one's begin to the last one's end.
    var seconds: Double { (map(\.end).max() ?? 0) - (map(\.begin).min() ?? 0) }

    /// The time of a claim that a share of all did not exceed, in milliseconds.
    func claimMilliseconds(percentile: Double) -> Double {
        let sorted = flatMap(\.claims).sorted()
        guard !sorted.isEmpty else { return 0 }
        return Double(sorted[Swift.min(Int(percentile * Double(sorted.count)), sorted.count - 1)]) / 1000
    }
}
