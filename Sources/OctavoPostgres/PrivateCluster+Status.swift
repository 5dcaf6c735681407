import Foundation

extension PrivateCluster {
    /// What is known about a cluster without changing anything.
    public struct Status: Hashable, Sendable {
        /// Whether there is a cluster, and whether it is running.
        public enum State: String, Hashable, Sendable {
            /// No cluster has been made yet.
            case absent
            /// The cluster is there, its server is not running.
            case stopped
            /// The server is there but takes no connections: starting, stopping or recovering.
            case unavailable
            /// The server takes connections.
            case running
        }

        /// Whether there is a cluster, and whether it is running.
        public var state: State
        /// The postmaster's process id.
        public var processID: Int32?
        /// The running server's version, as in `15.18`, or the major version that made a stopped cluster.
        public var version: String?
        /// The data directory.
        public var dataDirectory: String
        /// The directory of the socket.
        public var socketDirectory: String
        /// The file to which the server prints.
        public var logFile: String
        /// The URI of the database.
        public var connectionString: String
        /// The size of the files in the data directory; nil if it may not be read.
        public var sizeInBytes: Int?
    }

    /// Looks at the cluster. Takes a file-system walk and one connection.
    public func status() -> Status {
        var status = Status(
            state: .absent, dataDirectory: dataDirectory, socketDirectory: socketDirectory, logFile: logFile,
            connectionString: connectionString)
        guard let majorVersion else { return status }
        status.version = "\(majorVersion)"
        status.sizeInBytes = sizeInBytes
        status.state = .stopped
        guard let serverProcess else { return status }
        status.processID = serverProcess.processID
        status.state = .unavailable
        let configuration = PostgresConfiguration(connectionString: connectionString, connectTimeout: .seconds(2))
        guard let session = try? PostgresSession(configuration) else { return status }
        status.state = .running
        status.version = "\(session.serverVersion / 10_000).\(session.serverVersion % 10_000)"
        return status
    }

    private var sizeInBytes: Int? {
        guard access(dataDirectory, R_OK | X_OK) == 0 else { return nil }
        let files = FileManager.default.enumerator(
            at: URL(fileURLWithPath: dataDirectory), includingPropertiesForKeys: [.fileSizeKey])
        return files?.reduce(0) { total, file in
            total + ((try? (file as? URL)?.resourceValues(forKeys: [.fileSizeKey]).fileSize) ?? 0)
        }
    }
}

// MARK: - The server's process and socket

extension PrivateCluster {
    /// What `postmaster.pid` says of a server.
    struct ServerProcess {
        var processID: pid_t
        var socketDirectory: String?
    }

    private var processFile: String { "\(dataDirectory)/postmaster.pid" }

    /// The running server, or nil: a file that a crash or a reboot has left does not count, even where the number now
    /// belongs to another program.
    var serverProcess: ServerProcess? {
        guard let text = try? String(contentsOfFile: processFile, encoding: .utf8) else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        guard let processID = lines.first.flatMap({ pid_t($0) }), processID > 0, isServer(processID) else {
            return nil
        }
        // Lines: process id, data directory, start time, port, socket directory, ...
        let socketDirectory = lines.count > 4 && !lines[4].isEmpty ? lines[4] : nil
        return ServerProcess(processID: processID, socketDirectory: socketDirectory)
    }

    /// Whether a process is this cluster's postmaster: it works in its data directory.
    private func isServer(_ processID: pid_t) -> Bool {
        guard kill(processID, 0) == 0 || errno == EPERM else { return false }
        var ours = stat()
        var its = stat()
        guard stat(dataDirectory, &ours) == 0 else { return false }
        guard stat("/proc/\(processID)/cwd", &its) == 0 else { return errno == EACCES }
        return ours.st_dev == its.st_dev && ours.st_ino == its.st_ino
    }

    /// Removes the marks of a server that is not running. PostgreSQL does so itself, except when another program has got
    /// the number in them.
    func removeStaleFiles() throws(PostgresError) {
        let socket = "\(plannedSocketDirectory)/.s.PGSQL.\(Self.port)"
        for path in [processFile, socket, "\(socket).lock"] {
            guard unlink(path) == 0 || errno == ENOENT else { throw .file(path, "is stale and cannot be removed") }
        }
    }

    /// The directory of the socket: where the running server has it, or where the next will.
    var socketDirectory: String { serverProcess?.socketDirectory ?? plannedSocketDirectory }

    /// In the home, if the socket's path fits into `sockaddr_un` there and has no comma, at which libpq would split it;
    /// else a short one, which may vanish at reboot.
    var plannedSocketDirectory: String {
        let name = "octavo-\(geteuid())-\(String(Self.fingerprint(home), radix: 36))"
        var parents = [environment["XDG_RUNTIME_DIR"] ?? "", "/tmp"]
        if geteuid() == 0 { parents.removeFirst() }  // the server's user could not enter root's
        let choices = ["\(home)/postgres/socket"] + parents.filter { $0.hasPrefix("/") }.map { "\($0)/\(name)" }
        let longest = MemoryLayout<sockaddr_un>.size - MemoryLayout<sa_family_t>.size - 1
        return choices.first { !$0.contains(",") && "\($0)/.s.PGSQL.\(Self.port)".utf8.count <= longest }
            ?? "/tmp/\(name)"
    }

    /// FNV-1a, 64 bits.
    private static func fingerprint(_ text: String) -> UInt64 {
        text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
