import Foundation

/// The server settings that the private cluster starts with. `ALTER SYSTEM` overrides any of them.
enum ClusterSettings {
    /// The name of the file in the data directory.
    static let fileName = "octavo.conf"

    /// The file's text.
    ///
    /// - Parameters:
    ///   - memory: the machine's, in bytes. The model needs most of it.
    ///   - overrides: settings that replace or join ours.
    static func text(socketDirectory: String, memory: UInt64, overrides: [String: String]) -> String {
        let mebibytes = Int(clamping: memory >> 20)
        let settings = [
            // Reached through the Unix socket, whose directory only its owner enters.
            "listen_addresses": "''",
            "port": "\(PrivateCluster.port)",
            "unix_socket_directories": quoted("\"\(socketDirectory.replacing("\"", with: "\"\""))\""),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "\(min(max(mebibytes / 32, 64), 1024))MB",
            "effective_cache_size": "\(max(mebibytes / 4, 128))MB",
            "maintenance_work_mem": "\(min(max(mebibytes / 64, 64), 256))MB",
            "work_mem": "16MB",
            // No replica and no archive: write the least, and rarely all of it.
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "max_wal_size": "4GB",
            "checkpoint_timeout": "15min",
            // Queries are short, and the cores belong to the model.
            "jit": "off",
            "max_parallel_workers_per_gather": "0",
            "max_parallel_maintenance_workers": "0",
            // The log must hold no prompt: neither statements nor the rows that errors quote.
            "log_checkpoints": "off",
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
        ].merging(overrides) { $1 }
        let lines = settings.sorted { $0.key < $1.key }.map { "\($0.key) = \($0.value)\n" }
        return "# Octavo writes this file at every start; ALTER SYSTEM overrides it.\n" + lines.joined()
    }

    private static func quoted(_ text: String) -> String { "'\(text.replacing("'", with: "''"))'" }
}
