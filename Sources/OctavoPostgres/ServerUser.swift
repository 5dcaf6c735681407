import Foundation

/// The account under which the server's programs run: our own, or, since PostgreSQL refuses root, another one.
struct ServerUser {
    let userID: uid_t
    let groupID: gid_t
    let name: String

    /// Whether the programs run under another account than ours.
    var isOther: Bool { userID != geteuid() }

    /// Chooses the account: root yields to the owner of an existing cluster, else to `postgres`.
    ///
    /// - Throws: `.cluster` when we are root and there is no user `postgres`.
    static func forCluster(at dataDirectory: String) throws(PostgresError) -> ServerUser {
        guard geteuid() == 0 else { return ServerUser(userID: geteuid(), groupID: getegid(), name: "you") }
        var information = stat()
        if stat(dataDirectory, &information) == 0, information.st_uid != 0 {
            let name = getpwuid(information.st_uid).map { String(cString: $0.pointee.pw_name) }
            return ServerUser(
                userID: information.st_uid, groupID: information.st_gid, name: name ?? "\(information.st_uid)")
        }
        guard let entry = getpwnam("postgres") else {
            throw PostgresError(
                .cluster, "PostgreSQL does not run as root, and there is no user \"postgres\" to run it",
                hint: "create one (`useradd --system postgres`), or run octavo as an ordinary user")
        }
        return ServerUser(userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid, name: "postgres")
    }

    /// Runs a program under this account, in the root directory, with only the variables that concern it: libpq's own
    /// (`PGDATA`, `PGPORT`, ...) would lead it astray.
    func run(
        _ executable: String, _ arguments: [String], environment: [String: String]
    ) throws(PostgresError) -> ChildProcess.Output {
        var command = [executable] + arguments
        if isOther {
            let places: [String] = ["/usr/bin/setpriv", "/bin/setpriv"]
            guard let setpriv = places.first(where: { access($0, X_OK) == 0 }) else {
                throw PostgresError(
                    .cluster, "setpriv, which starts PostgreSQL as another user than root, is missing",
                    hint: "install it (`apt-get install util-linux`), or run octavo as an ordinary user")
            }
            command = [setpriv, "--reuid=\(userID)", "--regid=\(groupID)", "--clear-groups", "--"] + command
        }
        let kept = ["PATH", "TZ", "TMPDIR", "LD_LIBRARY_PATH"]
        let variables = environment.filter { kept.contains($0.key) }.merging(["LC_ALL": "C"]) { $1 }
        do {
            return try ChildProcess.run(
                "/bin/sh", ["-c", "cd / && exec \"$@\"", "sh"] + command, environment: variables)
        } catch {
            throw PostgresError(.cluster, "\(executable) could not be started: \(error)")
        }
    }

    /// Makes a directory of this account's own, with no rights for others, or checks that one is.
    func makePrivateDirectory(_ path: String) throws(PostgresError) {
        if mkdir(path, 0o700) == 0 {
            guard !isOther || chown(path, userID, groupID) == 0 else { throw .file(path, "cannot be handed over") }
            return
        }
        guard errno == EEXIST else { throw .file(path, "cannot be made") }
        var information = stat()
        guard lstat(path, &information) == 0, information.st_mode & S_IFMT == S_IFDIR,
            information.st_uid == userID
        else {
            throw PostgresError(.cluster, "\(path) is not a directory that belongs to \(name)")
        }
        guard chmod(path, 0o700) == 0 else { throw .file(path, "cannot be made private") }
    }

    /// - Throws: `.cluster`, with the remedy, when a directory above `path` keeps this account out.
    func checkReach(_ path: String, environment: [String: String]) throws(PostgresError) {
        guard isOther else { return }
        let output = try run("/bin/sh", ["-c", "cd \"$1\"", "sh", path], environment: environment)
        guard output.status != 0 else { return }
        throw PostgresError(
            .cluster, "the user \"\(name)\", who runs PostgreSQL because root must not, cannot reach \(path)",
            hint: "set OCTAVO_HOME to a directory open to that user, such as /var/lib/octavo")
    }
}

extension PostgresError {
    /// A file operation that has just failed, with `errno`'s reason.
    static func file(_ path: String, _ problem: String) -> PostgresError {
        PostgresError(.cluster, "\(path) \(problem): \(String(cString: strerror(errno)))")
    }
}
