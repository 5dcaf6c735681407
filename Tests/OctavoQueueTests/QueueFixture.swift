import Foundation
import Logging
import OctavoPostgres
import OctavoQueue
import OctavoTestSupport
import Testing

/// A migrated database of a test's own.
struct QueueFixture: Sendable {
    let url: String
    let connection: PostgresConnection
    let queue: Queue

    static func withQueue<T>(_ body: (QueueFixture) async throws -> T) async throws -> T {
        try await TestDatabase.withDatabase { url in
            let connection = connect(url)
            try await Migrator(connection).migrate()
            let value = try await body(QueueFixture(url: url, connection: connection, queue: Queue(connection)))
            await connection.close()
            return value
        }
    }

    static func connect(_ url: String) -> PostgresConnection {
        var logger = Logger(label: "octavo.queue.tests")
        logger.logLevel = .critical
        return PostgresConnection(PostgresConfiguration(connectionString: url), logger: logger)
    }

    /// A queue on a connection of its own, as another process would have.
    func anotherQueue() -> Queue { Queue(Self.connect(url)) }

    /// Runs SQL, and returns the rows' first column as integers.
    @discardableResult
    func integers(_ sql: String) async throws -> [Int] {
        try await connection.run { session in try session.query(sql).map { try $0.int(0) } }
    }

    /// Runs SQL, and returns the rows' first column as text.
    func strings(_ sql: String) async throws -> [String] {
        try await connection.run { session in try session.query(sql).map { try $0.string(0) } }
    }

    /// Lets pauses before retries end.
    func passPauses() async throws {
        try await integers("UPDATE octavo.segments SET available_at = 'epoch' WHERE available_at IS NOT NULL")
    }

    /// Lets pauses last, however slow the machine is.
    func prolongPauses() async throws {
        try await integers(
            "UPDATE octavo.segments SET available_at = available_at + interval '1 day' WHERE available_at IS NOT NULL")
    }

    /// Lets leases expire.
    func expireLeases() async throws {
        try await integers("UPDATE octavo.leases SET expires_at = 'epoch'")
    }
}

extension QueueFixture {
    static func newBatch(_ key: String, model: String? = nil, maximumAttempts: Int = 4) -> NewBatch {
        NewBatch(
            name: key, idempotencyKey: key, fileIdentity: "identity of \(key)", model: model, seed: 7,
            maximumAttempts: maximumAttempts, source: "\(key).jsonl")
    }

    static func row(_ line: Int, promptTokens: Int) -> RequestRow {
        RequestRow(
            line: line, promptTokens: promptTokens, maximumNewTokens: 10, customID: "row-\(line)",
            body: Array(#"{"prompt":"\#(line)"}"#.utf8))
    }

    /// Loads and activates a batch with one request per length, in windows of `windowRows`.
    @discardableResult
    func addBatch(_ batch: NewBatch, lengths: [Int], windowRows: Int = 65_536) async throws -> Int64 {
        let id = try await queue.attach(batch).id
        for start in stride(from: 0, to: lengths.count, by: windowRows) {
            let rows = (start..<min(start + windowRows, lengths.count)).map {
                Self.row($0 + 1, promptTokens: lengths[$0])
            }
            try await queue.load(rows, into: id, expectedRows: start, loadedBytes: Int64(start + rows.count))
        }
        try await queue.activate(id, total: lengths.count)
        return id
    }

    @discardableResult
    func addBatch(_ name: String = "batch", count: Int, maximumAttempts: Int = 4) async throws -> Int64 {
        try await addBatch(
            Self.newBatch(name, maximumAttempts: maximumAttempts), lengths: Array(repeating: 100, count: count))
    }
}

extension Queue {
    func claim(
        _ count: Int, worker: String = "worker", models: [String] = [], budget: Int = .max,
        timeToLive: Duration = .seconds(3600), fingerprint: String = ""
    ) async throws -> Lease? {
        try await claim(
            ClaimRequest(
                worker: worker, models: models, maximumRequests: count, tokenBudget: budget, timeToLive: timeToLive,
                fingerprint: fingerprint))
    }

    /// Claims what must be there.
    func mustClaim(_ count: Int, fingerprint: String = "") async throws -> Lease {
        try #require(try await claim(count, fingerprint: fingerprint))
    }

    /// Finishes requests of a lease, all by default.
    @discardableResult
    func finish(_ lease: Lease, _ requests: [LeasedRequest]? = nil) async throws -> FinishOutcome {
        try await finish(
            token: lease.token, (requests ?? lease.requests).map { FinishedRequest($0.key) },
            timeToLive: lease.timeToLive)
    }

    /// Fails requests of a lease.
    @discardableResult
    func fail(
        _ lease: Lease, _ requests: [LeasedRequest], kind: String = "nan", isPermanent: Bool = false
    ) async throws -> FailOutcome {
        try await fail(
            token: lease.token,
            requests.map {
                FailedRequest(
                    key: $0.key, kind: kind, isPermanent: isPermanent, statusCode: 500, error: #"{"message":"no"}"#)
            })
    }
}

extension FinishedRequest {
    /// An answer of seven tokens that names its request.
    init(_ key: RequestKey) {
        self.init(
            key: key, finishReason: 0, promptTokens: 100, completionTokens: 7,
            body: Array(#"{"answer":\#(key.position)}"#.utf8))
    }
}

extension QueueFixture {
    /// Checks what must hold whenever no statement is running: every request of a live batch is in exactly one place, and
    /// all counters equal a recount.
    func expectConsistent(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        for query in [
            QueueOracle.misplacedRequests, QueueOracle.doubleEnds, QueueOracle.miscountedBatches,
            QueueOracle.miscountedLeases,
        ] {
            #expect(try await strings(query) == [], sourceLocation: sourceLocation)
        }
    }

    /// Checks that nothing of ended leases is left.
    func expectNothingLeftOver(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        for table in QueueOracle.emptyAtTheEnd {
            let count = try await integers("SELECT count(*) FROM octavo.\(table)")
            #expect(count == [0], "\(table)", sourceLocation: sourceLocation)
        }
    }
}

/// Holds a thread until another raises it.
final class Flag: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func raise() { semaphore.signal() }
    func wait() { semaphore.wait() }
}
