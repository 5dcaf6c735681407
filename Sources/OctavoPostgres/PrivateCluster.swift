public import Foundation
public import Logging

/// A PostgreSQL of Octavo's own: one cluster in a directory, reached through a Unix socket only, started on demand from
/// the installed server's programs and left running.
///
/// Everything about it is ordinary PostgreSQL: `psql "$(octavo database url)"`. Whoever may enter its directory may use
/// it (`trust`); nobody else can. Its calls block, up to minutes while a crashed server recovers.
///
///     HOME/postgres.lock        held while starting and stopping
///     HOME/postgres/data        the data directory, made whole or not at all
///     HOME/postgres/server.log  what the server prints
///     HOME/postgres/socket      the socket, unless that path would be too long for one
public struct PrivateCluster: Sendable {
    /// The number in the socket's name; no port is opened.
    static let port = 5432
    /// The role and the database that `start` makes.
    static let databaseName = "octavo"

    /// The directory under which everything lies, as an absolute path.
    public let home: String

    let environment: [String: String]
    let settings: [String: String]
    let initdbOptions: [String]
    let logger: Logger

    /// Describes a cluster; touches nothing.
    ///
    /// - Parameters:
    ///   - home: `OCTAVO_HOME`; see `defaultHome`. Made by `start` if missing.
    ///   - environment: is searched for `PATH`, `OCTAVO_PG_BIN` and `XDG_RUNTIME_DIR`.
    public init(
        home: String, environment: [String: String] = ProcessInfo.processInfo.environment, logger: Logger
    ) {
        self.init(home: home, environment: environment, settings: [:], initdbOptions: [], logger: logger)
    }

    /// A cluster with settings of its own, such as one that a test throws away.
    package init(
        home: String, environment: [String: String], settings: [String: String], initdbOptions: [String],
        logger: Logger = Logger(label: "octavo.postgres", factory: { _ in SwiftLogNoOpLogHandler() })
    ) {
        self.home = URL(fileURLWithPath: home).standardizedFileURL.path
        self.environment = environment
        self.settings = settings
        self.initdbOptions = initdbOptions
        self.logger = logger
    }

    /// Where Octavo keeps its files: `$OCTAVO_HOME`, else `~/.local/share/octavo`; for root `/var/lib/octavo`, because
    /// the server's user cannot enter root's home.
    public static func defaultHome(environment: [String: String] = ProcessInfo.processInfo.environment) -> String {
        if let home = environment["OCTAVO_HOME"], !home.isEmpty { return home }
        if geteuid() == 0 { return "/var/lib/octavo" }
        let userHome = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()
        return "\(userHome)/.local/share/octavo"
    }

    /// The data directory.
    public var dataDirectory: String { "\(home)/postgres/data" }
    /// The file to which the server prints.
    public var logFile: String { "\(home)/postgres/server.log" }

    /// The URI of the database, whether or not the server is running. It names the port, lest `PGPORT` does.
    public var connectionString: String {
        let unreserved = CharacterSet(charactersIn: "/-._~").union(.alphanumerics)
        let host = socketDirectory.addingPercentEncoding(withAllowedCharacters: unreserved) ?? socketDirectory
        return "postgresql://\(Self.databaseName)@/\(Self.databaseName)?host=\(host)&port=\(Self.port)"
    }

    /// Makes sure that the server is running and has its database; makes the cluster first if there is none.
    ///
    /// Two processes may call this at once: one starts the server, both return it.
    ///
    /// - Returns: the connection string.
    /// - Throws: `.cluster`, with what to install or to change, and the end of the server's log when it did not start.
    @discardableResult
    public func start() throws(PostgresError) -> String {
        try checkPath()
        try makeHome()
        let lock = try FileLock("\(home)/postgres.lock")
        defer { extendLifetime(lock) }
        if try awaitServer() { return connectionString }
        let binaries = try ServerBinaries.find(requiredMajorVersion: majorVersion, environment: environment)
        let user = try ServerUser.forCluster(at: dataDirectory)
        try user.makePrivateDirectory("\(home)/postgres")
        try user.checkReach("\(home)/postgres", environment: environment)
        if majorVersion == nil { try initialize(with: binaries, as: user) }
        try launch(with: binaries, as: user)
        guard try awaitServer() else {
            throw PostgresError(.cluster, "PostgreSQL ended as soon as it had started; its log is \(logFile)")
        }
        return connectionString
    }

    /// Stops the server, if it is running: transactions in progress are rolled back, connections closed.
    ///
    /// - Throws: `.cluster` when it does not stop within a minute.
    public func stop() throws(PostgresError) {
        guard majorVersion != nil else { return }
        let lock = try FileLock("\(home)/postgres.lock")
        defer { extendLifetime(lock) }
        guard serverProcess != nil else { return }
        let user = try ServerUser.forCluster(at: dataDirectory)
        let binaries = try ServerBinaries.find(requiredMajorVersion: majorVersion, environment: environment)
        let output = try user.run(
            binaries.pgCtl, ["stop", "-D", dataDirectory, "-m", "fast", "-w", "-t", "60"], environment: environment)
        guard output.status == 0 || serverProcess == nil else {
            throw PostgresError(.cluster, "PostgreSQL does not stop: \(output.message)")
        }
        logger.info("stopped PostgreSQL", metadata: ["data": "\(dataDirectory)"])
    }

    /// The major version that made the cluster; nil if there is none.
    var majorVersion: Int? {
        (try? String(contentsOfFile: "\(dataDirectory)/PG_VERSION", encoding: .utf8))
            .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
}
