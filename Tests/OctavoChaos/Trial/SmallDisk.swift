import Foundation
import OctavoPostgres

/// A disk of a few megabytes with a tablespace on it, which can be filled.
struct SmallDisk: Sendable {
    private let trial: Trial
    private let path: String
    private let tablespace: String

    /// Why there can be none here; nil if there can.
    static let obstacle: String? = geteuid() == 0 ? nil : "only root can mount a small disk"

    private static let megabytes = 16

    /// Mounts a disk and moves an empty table there.
    ///
    /// - Parameter table: with its schema.
    init(for table: String, of trial: Trial) async throws {
        self.trial = trial
        path = trial.directory.appending(path: "disk").path
        tablespace = "small_\(trial.database)"
        mkdir(path, 0o755)
        guard let postgres = getpwnam("postgres") else { throw TrialError("there is no user postgres") }
        try Self.mount(
            path, kilobytes: Self.megabytes << 10,
            options: "mode=700,uid=\(postgres.pointee.pw_uid),gid=\(postgres.pointee.pw_gid)")
        try await trial.execute("CREATE TABLESPACE \(tablespace) LOCATION '\(path)'")
        try await trial.execute("ALTER TABLE \(table) SET TABLESPACE \(tablespace)")
    }

    private var filler: String { "\(path)/filler" }

    /// Takes all the space that is left.
    func fill() {
        let descriptor = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        let block = [UInt8](repeating: 0, count: 4096)
        while write(descriptor, block, block.count) == block.count {}
    }

    /// Gives the space back.
    func free() { unlink(filler) }

    /// Moves the table away, and removes the disk.
    func remove(_ table: String) async throws {
        defer { Self.unmount(path) }
        try await trial.execute("ALTER TABLE \(table) SET TABLESPACE pg_default")
        try await trial.execute("DROP TABLESPACE \(tablespace)")
    }

    /// Makes a folder a disk of its own, or changes its size if it is one.
    static func mount(_ path: String, kilobytes: Int, options: String) throws {
        try Command.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "size=\(kilobytes)k,\(options)", "octavo-chaos", path])
    }

    /// Removes a disk, whoever still uses it.
    static func unmount(_ path: String) { try? Command.run(["/bin/umount", "--lazy", path]) }
}

/// Programs of the system.
enum Command {
    /// Runs a program to its end.
    ///
    /// - Throws: what it complained, if it failed.
    static func run(_ arguments: [String]) throws {
        let output = try ChildProcess.run(
            arguments[0], Array(arguments.dropFirst()), environment: WorkerProgram.environment)
        guard output.status == 0 else {
            throw TrialError("\(arguments.joined(separator: " ")): \(output.message)")
        }
    }

    /// The first of some paths at which there is a program.
    static func find(_ places: String...) -> String? { places.first { access($0, X_OK) == 0 } }
}
