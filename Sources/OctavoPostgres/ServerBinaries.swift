import Foundation

/// The programs of an installed PostgreSQL server.
struct ServerBinaries {
    /// Octavo's SQL needs this much.
    static let oldestMajorVersion = 15

    let directory: String
    /// As in `15.18`.
    let version: String
    var majorVersion: Int { Int(version.prefix { $0.isNumber }) ?? 0 }

    var initdb: String { "\(directory)/initdb" }
    var pgCtl: String { "\(directory)/pg_ctl" }

    /// Looks where servers are installed: `$OCTAVO_PG_BIN` alone if set, else what `pg_config` says, the distributions'
    /// directories from the newest version down, and `PATH`.
    ///
    /// - Parameter requiredMajorVersion: the version that made an existing cluster; no other can run it.
    /// - Throws: `.cluster`, saying what to install.
    static func find(
        requiredMajorVersion: Int?, environment: [String: String]
    ) throws(PostgresError) -> ServerBinaries {
        let override = environment["OCTAVO_PG_BIN"].flatMap { $0.isEmpty ? nil : $0 }
        let candidates = override.map { [$0] } ?? installedDirectories(environment)
        let found = candidates.lazy.compactMap { ServerBinaries(directory: $0) }
        let suitable = found.first { binaries in
            requiredMajorVersion.map { $0 == binaries.majorVersion } ?? (binaries.majorVersion >= oldestMajorVersion)
        }
        if let suitable { return suitable }
        throw notFound(override: override, found: Array(found), requiredMajorVersion: requiredMajorVersion)
    }

    /// Nil unless the directory has a whole server that tells its version.
    private init?(directory: String) {
        let names = ["initdb", "pg_ctl", "postgres"]
        guard names.allSatisfy({ access("\(directory)/\($0)", X_OK) == 0 }),
            let output = try? ChildProcess.run("\(directory)/postgres", ["--version"], environment: ["LC_ALL": "C"]),
            let version = output.message.firstMatch(of: #/\d+(\.\d+|devel|beta\d+|rc\d+)/#)
        else { return nil }
        self.directory = directory
        self.version = String(version.output.0)
    }

    private static func installedDirectories(_ environment: [String: String]) -> [String] {
        let path = (environment["PATH"] ?? "").split(separator: ":").map(String.init)
        var directories: [String] = []
        if let program = path.lazy.map({ $0 + "/pg_config" }).first(where: { (path: String) in access(path, X_OK) == 0 }
        ),
            let output = try? ChildProcess.run(program, ["--bindir"], environment: environment)
        {
            directories.append(output.message)
        }
        for (parent, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/usr/local", "pgsql")] {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? []
            let newestFirst = names.filter { $0.hasPrefix(prefix) }
                .sorted { $0.compare($1, options: .numeric) == .orderedDescending }
            directories += newestFirst.map { "\(parent)/\($0)/bin" }
        }
        return directories + path
    }

    private static func notFound(
        override: String?, found: [ServerBinaries], requiredMajorVersion: Int?
    ) -> PostgresError {
        let versions = found.map(\.version).joined(separator: ", ")
        let seen = versions.isEmpty ? "none was found" : "found only \(versions)"
        if let override {
            return PostgresError(
                .cluster, "no usable PostgreSQL server in OCTAVO_PG_BIN=\(override): \(seen)",
                hint: "name the directory of initdb, pg_ctl and postgres, or unset the variable")
        }
        let wanted = requiredMajorVersion.map { "\($0)" } ?? "\(oldestMajorVersion) or newer"
        let reason = requiredMajorVersion == nil ? "" : ", which made this cluster"
        let package = requiredMajorVersion.map { "postgresql-\($0)" } ?? "postgresql"
        return PostgresError(
            .cluster, "a PostgreSQL server, version \(wanted)\(reason), is needed on this machine: \(seen)",
            hint: "install it (`apt-get install \(package)`; its own service is not needed), or point "
                + "OCTAVO_DATABASE_URL at a PostgreSQL elsewhere")
    }
}
