import CLibPQ
import Foundation

/// Where PostgreSQL is, and how patient to be with it.
public struct PostgresConfiguration: Sendable {
    /// A libpq URI (`postgresql://user@host/database`) or `key=value` pairs. What it leaves out, and everything if it is
    /// empty, comes from libpq's `PG*` variables, service file and password file.
    public var connectionString: String
    /// The name by which `pg_stat_activity` shows the connection.
    public var applicationName: String
    /// How long one attempt to connect may take, every address of the host included. A `connect_timeout` in the
    /// connection string or in `PGCONNECT_TIMEOUT` has precedence.
    public var connectTimeout: Duration
    /// How long a statement may take before it is canceled and the connection given up, measured on this side: it needs
    /// no session state, works behind a pooler, and notices a server that has frozen. Nil: as long as it takes.
    public var statementTimeout: Duration?
    /// How long a silent TCP peer is believed to be alive; sets `tcp_user_timeout` and the keepalives unless the
    /// connection string does. Nil: the operating system's hours.
    public var peerTimeout: Duration?
    /// The schema in which unqualified names are looked up, sent with the startup packet. Nil: the role's own.
    public var searchPath: String?

    /// Makes a configuration; the defaults detect a dead server within half a minute.
    public init(
        connectionString: String = "", applicationName: String = "octavo", connectTimeout: Duration = .seconds(10),
        statementTimeout: Duration? = .seconds(30), peerTimeout: Duration? = .seconds(20), searchPath: String? = nil
    ) {
        self.connectionString = connectionString
        self.applicationName = applicationName
        self.connectTimeout = connectTimeout
        self.statementTimeout = statementTimeout
        self.peerTimeout = peerTimeout
        self.searchPath = searchPath
    }

    /// The connection string as `key=value` pairs without its passwords, for messages and logs.
    public var redactedDescription: String {
        guard let options = try? ConnectionOptions(parsing: connectionString) else { return "(unreadable)" }
        let shown = options.pairs.filter { !$0.keyword.contains("password") }
        if shown.isEmpty { return "libpq's defaults (PG* variables)" }
        return shown.map { "\($0.keyword)=\($0.value)" }.joined(separator: " ")
    }

    /// Everything to tell libpq.
    ///
    /// - Throws: `.configuration` if the connection string cannot be read.
    func connectionOptions() throws(PostgresError) -> ConnectionOptions {
        var options = try ConnectionOptions(parsing: connectionString)
        options.setDefault("application_name", applicationName)
        options.set("client_encoding", "UTF8")
        if let peerTimeout {
            let seconds = max(1, Int(peerTimeout.components.seconds))
            options.setDefault("tcp_user_timeout", "\(seconds * 1000)")
            options.setDefault("keepalives_idle", "\(max(1, seconds / 2))")
            options.setDefault("keepalives_interval", "\(max(1, seconds / 8))")
            options.setDefault("keepalives_count", "4")
        }
        if let searchPath {
            let escaped = searchPath.map { $0 == " " || $0 == "\\" ? "\\\($0)" : "\($0)" }.joined()
            let others = options["options"] ?? ProcessInfo.processInfo.environment["PGOPTIONS"] ?? ""
            options.set("options", "\(others) -csearch_path=\(escaped)")
        }
        return options
    }

    /// The time limit of one attempt to connect, libpq's own settings of it considered.
    func effectiveConnectTimeout(_ options: ConnectionOptions) -> Duration {
        let setting = options["connect_timeout"] ?? ProcessInfo.processInfo.environment["PGCONNECT_TIMEOUT"]
        guard let seconds = setting.flatMap(Int.init), seconds > 0 else { return connectTimeout }
        return .seconds(min(seconds, 86_400))
    }
}

/// libpq's connection parameters, as an ordered list of pairs.
struct ConnectionOptions {
    private(set) var pairs: [(keyword: String, value: String)] = []

    /// Lets libpq take a URI or `key=value` string apart.
    init(parsing text: String) throws(PostgresError) {
        guard !text.isEmpty else { return }
        var reason: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(text, &reason) else {
            let message = reason.map { String(cString: $0) } ?? "out of memory"
            PQfreemem(reason)
            throw PostgresError(
                .configuration, "the connection string cannot be read: \(Self.withoutQuotation(message))",
                hint: "write postgresql://USER@HOST:PORT/DATABASE, or host=... dbname=...")
        }
        defer { PQconninfoFree(parsed) }
        var option = parsed
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val {
                pairs.append((keyword: String(cString: keyword), value: String(cString: value)))
            }
            option += 1
        }
    }

    subscript(keyword: String) -> String? { pairs.first { $0.keyword == keyword }?.value }

    mutating func set(_ keyword: String, _ value: String) {
        pairs.removeAll { $0.keyword == keyword }
        pairs.append((keyword: keyword, value: value))
    }

    mutating func setDefault(_ keyword: String, _ value: String) {
        if self[keyword] == nil { set(keyword, value) }
    }

    /// libpq's complaint up to where it begins to quote the string, in which a password may stand.
    private static func withoutQuotation(_ message: String) -> String {
        let parts = message.split(separator: "\"", omittingEmptySubsequences: false)
        let kept = parts.enumerated().prefix { $0.offset.isMultiple(of: 2) || $0.element.count == 1 }
        return kept.map(\.element).joined(separator: "\"").trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
