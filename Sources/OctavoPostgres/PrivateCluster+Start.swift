import Foundation
import Logging

extension PrivateCluster {
    /// `pg_ctl` passes paths through a shell, inside double quotes.
    func checkPath() throws(PostgresError) {
        guard home.allSatisfy({ !"\"$`\\\n\r".contains($0) }) else {
            throw PostgresError(
                .cluster, "a private cluster cannot lie in \(home.debugDescription)",
                hint: "set OCTAVO_HOME to a path without quotes, dollars and backslashes")
        }
    }

    func makeHome() throws(PostgresError) {
        guard access(home, F_OK) != 0 else { return }
        do {
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        } catch {
            throw PostgresError(
                .cluster, "\(home) cannot be made: \(error.localizedDescription)",
                hint: "set OCTAVO_HOME to a directory that you may write")
        }
        // Root's umask must not keep the server's user out.
        if geteuid() == 0 { chmod(home, 0o755) }
    }

    /// Makes the cluster beside its final place and moves it there when it is complete, so that an `initdb` that was
    /// killed leaves nothing that looks like a cluster.
    func initialize(with binaries: ServerBinaries, as user: ServerUser) throws(PostgresError) {
        logger.info("making a PostgreSQL cluster", metadata: ["data": "\(dataDirectory)"])
        let draft = "\(dataDirectory).new"
        try? FileManager.default.removeItem(atPath: draft)
        let arguments = [
            "-D", draft, "--username=\(Self.databaseName)", "--auth-local=trust", "--auth-host=reject",
            "--encoding=UTF8", "--locale=C",
        ]
        let output = try user.run(binaries.initdb, arguments + initdbOptions, environment: environment)
        guard output.status == 0 else {
            throw PostgresError(.cluster, "initdb failed: \(output.message)")
        }
        do {
            let file = try FileHandle(forUpdating: URL(fileURLWithPath: "\(draft)/postgresql.conf"))
            try file.seekToEnd()
            try file.write(contentsOf: Data("\ninclude '\(ClusterSettings.fileName)'\n".utf8))
            try file.synchronize()
            try file.close()
        } catch {
            throw PostgresError(.cluster, "\(draft)/postgresql.conf cannot be written: \(error.localizedDescription)")
        }
        guard rename(draft, dataDirectory) == 0 else { throw .file(draft, "cannot be moved to \(dataDirectory)") }
    }

    /// Starts the server, which becomes a daemon in a session of its own and prints to its log, and waits until it takes
    /// connections.
    func launch(with binaries: ServerBinaries, as user: ServerUser) throws(PostgresError) {
        try removeStaleFiles()
        let socketDirectory = plannedSocketDirectory
        try user.makePrivateDirectory(socketDirectory)
        try writeSettings(socketDirectory: socketDirectory, as: user)
        rotateLog()
        let logged = logSize
        let arguments = ["start", "-D", dataDirectory, "-l", logFile, "-w", "-t", "300", "-s"]
        for _ in 0..<Self.launchAttempts {
            let output = try user.run(binaries.pgCtl, arguments, environment: environment)
            if output.status == 0 {
                logger.info("started PostgreSQL", metadata: ["version": "\(binaries.version)", "log": "\(logFile)"])
                return
            }
            // After its postmaster was killed, a server's other processes take a moment to notice.
            guard logTail(from: logged).contains("pre-existing shared memory block") else { break }
            usleep(500_000)
        }
        throw PostgresError(
            .cluster, "PostgreSQL did not start; its log \(logFile) ends:\n\(logTail(from: logged))")
    }

    private static var launchAttempts: Int { 40 }

    private func writeSettings(socketDirectory: String, as user: ServerUser) throws(PostgresError) {
        let text = ClusterSettings.text(
            socketDirectory: socketDirectory, memory: ProcessInfo.processInfo.physicalMemory, overrides: settings)
        let path = "\(dataDirectory)/\(ClusterSettings.fileName)"
        guard FileManager.default.createFile(atPath: path, contents: Data(text.utf8)) else {
            throw .file(path, "cannot be written")
        }
        guard !user.isOther || chown(path, user.userID, user.groupID) == 0 else {
            throw .file(path, "cannot be handed over")
        }
    }

    /// Waits until a server that is there takes connections, and makes its database if that is missing.
    ///
    /// - Returns: false if there is no server, or no longer.
    /// - Throws: `.cluster` when it has said nothing for ten seconds, or has been recovering for five minutes.
    func awaitServer() throws(PostgresError) -> Bool {
        let start = ContinuousClock.now
        while let server = serverProcess {
            do {
                try ensureDatabase()
                return true
            } catch  where error.isTransient {
                let patience: Duration = error.sqlState == nil ? .seconds(10) : .seconds(300)
                guard start.duration(to: .now) < patience else {
                    throw PostgresError(
                        .cluster, "PostgreSQL (process \(server.processID)) runs but cannot be used: \(error)")
                }
                usleep(100_000)
            }
        }
        return false
    }

    private func ensureDatabase() throws(PostgresError) {
        var configuration = PostgresConfiguration(connectionString: connectionString, connectTimeout: .seconds(5))
        do {
            _ = try PostgresSession(configuration)
        } catch  where error.sqlState == SQLState.invalidCatalogName {
            configuration.connectionString = connectionString.replacing(
                "@/\(Self.databaseName)?", with: "@/postgres?")
            try PostgresSession(configuration).query("CREATE DATABASE \(Self.databaseName)")
        }
    }
}

// MARK: - The server's log

extension PrivateCluster {
    private static var logLimit: Int { 8 << 20 }

    private var logSize: Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: logFile)
        return (attributes?[.size] as? Int) ?? 0
    }

    /// Keeps one older log beside the current one.
    private func rotateLog() {
        if logSize > Self.logLimit { rename(logFile, "\(logFile).old") }
    }

    /// The last lines that were logged after `offset`.
    private func logTail(from offset: Int) -> String {
        guard let file = FileHandle(forReadingAtPath: logFile) else { return "(no log was written)" }
        try? file.seek(toOffset: UInt64(max(offset, logSize - 8192)))
        let text = String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self)
        return text.split(separator: "\n").suffix(10).joined(separator: "\n")
    }
}
