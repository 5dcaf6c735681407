import OctavoPostgres

/// What a worker says of itself with each heartbeat.
public struct WorkerBeat: Sendable {
    /// Its name; a second process of the same name takes over the entry.
    public var name: String
    /// The host it runs on.
    public var host: String
    /// Its process id there.
    public var processID: Int32
    /// The names and aliases of the model it serves.
    public var models: [String]
    /// What computes its answers.
    public var fingerprint: String
    /// The program that it runs, as in `octavo 0.1.0`.
    public var program: String
    /// Tokens generated per second, of late.
    public var tokensPerSecond: Double
    /// Requests that it is working on.
    public var currentRequests: Int

    /// Makes a beat.
    public init(
        name: String, host: String, processID: Int32, models: [String], fingerprint: String, program: String,
        tokensPerSecond: Double, currentRequests: Int
    ) {
        self.name = name
        self.host = host
        self.processID = processID
        self.models = models
        self.fingerprint = fingerprint
        self.program = program
        self.tokensPerSecond = tokensPerSecond
        self.currentRequests = currentRequests
    }
}

/// What a heartbeat learns of a lease that still stands.
public struct LeaseHealth: Sendable, Hashable {
    /// The states of the batches of which the lease holds requests.
    public var batchStates: [Int64: BatchState]

    /// Makes a value.
    public init(batchStates: [Int64: BatchState]) {
        self.batchStates = batchStates
    }

    /// Of some batches that the lease held requests of, those that need not be worked on: paused ones, whose requests may
    /// be given back, to go on later; ones that were given up, whose results will be refused; and ones that are gone.
    public func idleBatches(of batches: Set<Int64>) -> Set<Int64> {
        batches.filter { batch in
            switch batchStates[batch] {
            case .loading, .active, .completed: false
            case .paused, .cancelled, .expired, .deleting, nil: true
            }
        }
    }
}

extension Queue {
    /// Renews leases, reports the worker, and learns what became of the batches.
    ///
    /// - Returns: the leases that stand, by token. One that is missing was reaped: its holder is fenced, and should drop
    ///   its requests, which others may be computing already.
    public func heartbeat(
        worker: WorkerBeat, tokens: [Int64], timeToLive: Duration
    ) async throws -> [Int64: LeaseHealth] {
        var health: [Int64: LeaseHealth] = [:]
        for row in try await rows(Heartbeat(worker: worker, tokens: tokens, timeToLive: timeToLive)) {
            health[row.token, default: LeaseHealth(batchStates: [:])].batchStates.merge(row.batchStates) { $1 }
        }
        return health
    }

    /// Saves tokens generated since the lease's last checkpoint, and renews the lease.
    ///
    /// - Parameter sequence: rises with each checkpoint of the lease; a repeated one changes nothing.
    /// - Returns: false when the lease was reaped.
    public func checkpoint(
        token: Int64, sequence: Int, entries: [CheckpointEntry], timeToLive: Duration
    ) async throws -> Bool {
        try await row(
            StoreCheckpoint(
                token: token, sequence: sequence, progress: CheckpointBlob.encode(entries), timeToLive: timeToLive))
    }

    /// Ends a lease without penalty: what is not finished can be claimed at once, with its progress.
    ///
    /// - Returns: the number of requests given back; 0 when the lease had ended.
    @discardableResult
    public func release(token: Int64) async throws -> Int {
        try await row(ReleaseLease(token: token))
    }

    /// Takes back leases that have expired, and clears away what ended leases left behind. Any worker does this now and
    /// then; several at once do not disturb each other.
    ///
    /// - Returns: the number of leases taken back.
    @discardableResult
    public func reap(limit: Int) async throws -> Int {
        try await row(ReapLeases(limit: limit))
    }

    /// Lets the leases of workers that are known to be dead expire now, instead of when their time is up.
    ///
    /// - Returns: how many leases there were.
    @discardableResult
    public func expireLeases(ofWorkers workers: [String]) async throws -> Int {
        workers.isEmpty ? 0 : try await rows(ExpireLeases(workers: workers)).count
    }

    /// Removes a worker that has stopped from the list of workers.
    public func retire(worker: String) async throws {
        _ = try await rows(RetireWorker(name: worker))
    }
}

private struct Heartbeat: Statement {
    static let sql = "SELECT * FROM octavo.heartbeat_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
    var worker: WorkerBeat
    var tokens: [Int64]
    var timeToLive: Duration

    var parameters: [PostgresValue] {
        [
            .text(worker.name), .text(worker.host), .int32(worker.processID), .textArray(worker.models),
            .text(worker.fingerprint), .text(worker.program), .double(worker.tokensPerSecond),
            .int32(Int32(clamping: worker.currentRequests)),
            .int8Array(tokens.sorted()), .double(timeToLive.seconds),
        ]
    }

    /// A row for each batch of a lease, or one without any.
    static func decode(_ row: PostgresRow) throws -> (token: Int64, batchStates: [Int64: BatchState]) {
        let token = Int64(try row.int("token"))
        guard let batch = try row.optionalInt("batch_id") else { return (token, [:]) }
        return (token, [Int64(batch): try row.batchState("state")])
    }
}

private struct StoreCheckpoint: Statement {
    static let sql = "SELECT octavo.checkpoint_v1($1, $2, $3, $4)"
    var token: Int64
    var sequence: Int
    var progress: [UInt8]
    var timeToLive: Duration

    var parameters: [PostgresValue] {
        [.int(token), .double(timeToLive.seconds), .int32(Int32(clamping: sequence)), .bytes(progress)]
    }

    static func decode(_ row: PostgresRow) throws -> Bool { try row.bool(0) }
}

private struct ReleaseLease: Statement {
    static let sql = "SELECT octavo.release_v1($1)"
    var token: Int64

    var parameters: [PostgresValue] { [.int(token)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int(0) }
}

private struct ReapLeases: Statement {
    static let sql = "SELECT octavo.reap_v2($1)"
    var limit: Int

    var parameters: [PostgresValue] { [.int32(Int32(clamping: limit))] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int(0) }
}

/// Lets the leases of dead workers expire.
private struct ExpireLeases: Statement {
    static let sql = """
        UPDATE octavo.leases SET expires_at = '-infinity'
         WHERE worker = ANY ($1) AND expires_at > clock_timestamp() RETURNING token
        """
    var workers: [String]

    var parameters: [PostgresValue] { [.textArray(workers)] }

    static func decode(_ row: PostgresRow) throws -> Int { try row.int("token") }
}

private struct RetireWorker: Statement {
    static let sql = "DELETE FROM octavo.workers WHERE name = $1"
    var name: String

    var parameters: [PostgresValue] { [.text(name)] }

    static func decode(_ row: PostgresRow) {}
}
