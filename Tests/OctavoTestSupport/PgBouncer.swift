public import Foundation
import OctavoPostgres

/// A PgBouncer in transaction mode before a private cluster, reached through a Unix socket of its own. Two connections to
/// the server are shared by all clients, so that hardly two transactions in a row have the same one.
public final class PgBouncer: Sendable {
    /// Why there can be none here; nil if there can.
    public static let obstacle: String? =
        executable == nil ? "PgBouncer is not installed: apt-get install pgbouncer" : nil

    private static let executable = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"]
        .first { (path: String) in access(path, X_OK) == 0 }.map { URL(fileURLWithPath: $0) }

    private let process: RunningProcess
    private let socketDirectory: String

    /// Starts one, and waits until it answers.
    ///
    /// - Parameters:
    ///   - directory: holds its files.
    ///   - serverDirectory: where the server's socket is.
    public init(in directory: URL, serverDirectory: String) async throws {
        guard let executable = Self.executable else {
            throw PostgresError(.cluster, Self.obstacle ?? "")
        }
        socketDirectory = directory.appending(path: "pgbouncer").path
        // It gives up root's rights before it makes its socket.
        mkdir(socketDirectory, 0o777)
        chmod(socketDirectory, 0o777)
        let file = directory.appending(path: "pgbouncer.ini")
        let user = geteuid() == 0 ? "user = postgres\n" : ""
        try Data(
            """
            [databases]
            * = host=\(serverDirectory) port=5432 user=octavo
            [pgbouncer]
            listen_port = \(Self.port)
            unix_socket_dir = \(socketDirectory)
            auth_type = any
            pool_mode = transaction
            default_pool_size = 2
            max_client_conn = 100
            server_lifetime = 2
            \(user)
            """.utf8
        ).write(to: file)
        process = try RunningProcess(executable, [file.path])
        let configuration = PostgresConfiguration(connectionString: url("postgres"))
        let answers = await eventually(within: .seconds(30)) { (try? PostgresSession(configuration)) != nil }
        guard answers else {
            throw PostgresError(.cluster, "PgBouncer does not answer: \(process.standardError)")
        }
    }

    /// The connection string of a database of the server.
    public func url(_ database: String) -> String {
        "postgresql://octavo@/\(database)?host=\(socketDirectory)&port=\(Self.port)"
    }

    private static let port = 6432
}
