import OctavoPostgres

/// A request and what came of it.
public struct ExportRow: Sendable {
    /// How a request stands.
    public enum Outcome: Sendable, Hashable {
        /// Answered; `body` is the response's JSON, `finishedAt` in whole seconds since 1970.
        case finished(body: String, finishedAt: Int64)
        /// Failed for good; `error` is the OpenAI error object as JSON text.
        case failed(kind: String, statusCode: Int, error: String, at: Int64)
        /// Its batch was cancelled before it ended.
        case cancelled
        /// Its batch's deadline passed before it ended.
        case expired
        /// Not ended yet.
        case pending
    }

    /// Its line in the file, from 1.
    public var line: Int
    /// The user's name of it.
    public var customID: String
    /// The request's body, if it was asked for.
    public var body: String?
    /// What came of it.
    public var outcome: Outcome
    /// What the answer took, if it was asked for and somebody measured.
    public var timing: RequestTiming?

    /// Makes a value.
    public init(line: Int, customID: String, body: String?, outcome: Outcome, timing: RequestTiming? = nil) {
        self.line = line
        self.customID = customID
        self.body = body
        self.outcome = outcome
        self.timing = timing
    }
}

extension Queue {
    /// One window of a batch, by line; windows follow each other in the order of the file.
    ///
    /// One short transaction: an export holds back neither vacuum nor workers. Results never change, so that windows read
    /// at different times agree.
    ///
    /// - Parameters:
    ///   - window: its index, from 0.
    ///   - includesRequestBodies: whether to read the requests' own bodies too.
    ///   - includesTimings: whether to read what the answers took.
    /// - Returns: nil past the last window.
    public func export(
        batch: Int64, window: Int, includesRequestBodies: Bool = false, includesTimings: Bool = false
    ) async throws -> [ExportRow]? {
        let rows = try await perform { session -> [ExportRow]? in
            guard let positions = try session.window(window, of: batch) else { return nil }
            return try session.transaction { session in
                // Each join is of two ranges of equal length: to compare each row with each, as a planner might that
                // has no statistics yet and expects a handful of rows, would take minutes. Nor may it read whole
                // tables, or the whole batch by the index of custom ids, which would need a sort.
                try session.execute(
                    """
                    SET LOCAL enable_nestloop = off; SET LOCAL enable_seqscan = off;
                    SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off
                    """, name: "ForbidOtherPlans")
                let rows = try session.rows(
                    ReadWindow(batch: batch, positions: positions, includesRequestBodies: includesRequestBodies))
                return includesTimings ? try session.addTimings(to: rows, of: batch) : rows.map(\.row)
            }
        }
        return rows?.sorted { $0.line < $1.line }
    }
}

extension PostgresSession {
    /// The positions of a window; nil past the last.
    func window(_ number: Int, of batch: Int64) throws -> Range<Int>? {
        try rows(FindWindow(batch: batch, number: number)).first
    }

    func addTimings(to rows: [WindowRow], of batch: Int64) throws -> [ExportRow] {
        let tokens = Set(rows.compactMap(\.token)).sorted()
        let timings = WindowTimings(try self.rows(ReadTimings(batch: batch, tokens: tokens)))
        return rows.map(timings.adding(to:))
    }
}

/// A row of a window, and where its result's times are.
struct WindowRow: Sendable {
    var row: ExportRow
    var position: Int
    /// Of the lease under which it was answered.
    var token: Int?
}

/// The times of a window's results.
private struct WindowTimings {
    private struct Place: Hashable {
        var token: Int
        var position: Int
    }

    private var timings: [Place: RequestTiming] = [:]

    init(_ writes: [ReadTimings.Write]) {
        for write in writes {
            for (position, (computing, cores)) in zip(write.positions, zip(write.computing, write.coreSeconds)) {
                timings[Place(token: write.token, position: position)] = RequestTiming(
                    queued: write.queued, result: ResultTiming(computing: computing, coreSeconds: cores))
            }
        }
    }

    func adding(to windowRow: WindowRow) -> ExportRow {
        var row = windowRow.row
        row.timing = windowRow.token.flatMap { timings[Place(token: $0, position: windowRow.position)] }
        return row
    }
}

/// What the results of some leases took.
private struct ReadTimings: Statement {
    struct Write: Sendable {
        var token: Int
        var queued: Double
        var positions: [Int]
        var computing: [Double]
        var coreSeconds: [Double]
    }

    static let sql = """
        SELECT token, queue_seconds::float8, positions::bigint[], compute_seconds::float8[], core_seconds::float8[]
          FROM octavo.timings WHERE batch_id = $1 AND token = ANY ($2)
        """
    var batch: Int64
    var tokens: [Int]

    var parameters: [PostgresValue] { [.int(batch), .int8Array(tokens.map(Int64.init))] }

    static func decode(_ row: PostgresRow) throws -> Write {
        Write(
            token: try row.int(0), queued: try row.double(1), positions: try row.intArray(2),
            computing: try row.doubleArray(3), coreSeconds: try row.doubleArray(4))
    }
}

private struct FindWindow: Statement {
    static let sql = "SELECT first_position, end_position FROM octavo.windows WHERE batch_id = $1 AND number = $2"
    var batch: Int64
    var number: Int

    var parameters: [PostgresValue] { [.int(batch), .int32(Int32(clamping: number))] }

    static func decode(_ row: PostgresRow) throws -> Range<Int> {
        try row.int("first_position")..<row.int("end_position")
    }
}

/// In the order of an index or in none: rows as wide as these sort better here. Each table is given the bounds, so that
/// however the planner joins them, it reads one window of each.
private struct ReadWindow: Statement {
    static let sql = """
        SELECT \(WindowRow.columns)
          FROM (SELECT * FROM octavo.requests WHERE batch_id = $1 AND position >= $3 AND position < $4
                 ORDER BY batch_id, position) AS q
          LEFT JOIN octavo.results r
            ON r.batch_id = $1 AND r.position = q.position AND r.position >= $3 AND r.position < $4
          LEFT JOIN octavo.failures f
            ON f.batch_id = $1 AND f.position = q.position AND f.position >= $3 AND f.position < $4
           AND f.is_final AND r.token IS NULL
        """
    var batch: Int64
    var positions: Range<Int>
    var includesRequestBodies: Bool

    var parameters: [PostgresValue] {
        [
            .int(batch), .bool(includesRequestBodies), .int32(Int32(positions.lowerBound)),
            .int32(Int32(positions.upperBound)),
        ]
    }

    static func decode(_ row: PostgresRow) throws -> WindowRow { try WindowRow(row) }
}

extension WindowRow {
    /// What is read of a request `q`, its result `r` and its final failure `f`, in batch $1, with the request's body if $2.
    static let columns = """
        q.line, q.custom_id, CASE WHEN $2 THEN q.body END,
        r.body, extract(epoch FROM r.finished_at)::bigint,
        f.kind, f.status_code, f.error, extract(epoch FROM f.failed_at)::bigint,
        (SELECT CASE WHEN b.is_expired THEN 6 WHEN b.state IN (3, 5) THEN 3 END FROM octavo.batches b WHERE b.id = $1),
        q.position, r.token
        """

    init(_ row: PostgresRow) throws {
        self.row = ExportRow(
            line: try row.int(0), customID: try row.string(1), body: try row.optionalString(2),
            outcome: try Self.outcome(row))
        position = try row.int(10)
        token = try row.optionalInt(11)
    }

    private static func outcome(_ row: PostgresRow) throws -> ExportRow.Outcome {
        if let body = try row.optionalString(3) {
            return .finished(body: body, finishedAt: Int64(try row.int(4)))
        }
        if let kind = try row.optionalString(5) {
            return .failed(
                kind: kind, statusCode: try row.int(6), error: try row.string(7), at: Int64(try row.int(8)))
        }
        switch try row.optionalInt(9) {
        case nil: return .pending
        case 6: return .expired
        default: return .cancelled
        }
    }
}
