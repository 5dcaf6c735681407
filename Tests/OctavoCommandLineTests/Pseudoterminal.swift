import Foundation
import OctavoTestSupport
import Synchronization

/// `octavo` on a terminal of its own.
final class Pseudoterminal: Sendable {
    private let master: Int32
    private let process = Process()
    private let output = Mutex<[UInt8]>([])

    /// Starts it on a terminal of so many columns and rows.
    init(_ arguments: [String], environment: [String: String], columns: UInt16, rows: UInt16) throws {
        var (master, slave): (Int32, Int32) = (-1, -1)
        guard openpty(&master, &slave, nil, nil, nil) == 0 else { throw POSIXError(.ENXIO) }
        _ = fcntl(master, F_SETFD, FD_CLOEXEC)
        _ = fcntl(master, F_SETFL, O_NONBLOCK)
        self.master = master
        let terminal = FileHandle(fileDescriptor: slave, closeOnDealloc: true)
        process.executableURL = TestPaths.octavoExecutable
        process.arguments = arguments
        process.environment = environment
        process.standardInput = terminal
        process.standardOutput = terminal
        process.standardError = terminal
        resize(columns: columns, rows: rows)
        try process.run()
    }

    /// Everything written to the terminal so far.
    var text: String {
        output.withLock { output in
            var chunk = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(master, &chunk, chunk.count)
                guard count > 0 else { break }
                output += chunk[..<count]
            }
            return String(decoding: output, as: UTF8.self)
        }
    }

    func type(_ keys: String) { _ = Array(keys.utf8).withUnsafeBytes { write(master, $0.baseAddress, $0.count) } }

    func resize(columns: UInt16, rows: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(master, UInt(TIOCSWINSZ), &size)
        if process.isRunning { kill(process.processIdentifier, SIGWINCH) }
    }

    /// Whether keys are echoed and come line by line, as before.
    var isCooked: Bool {
        var attributes = termios()
        let wanted = tcflag_t(ICANON | ECHO | ISIG)
        return tcgetattr(master, &attributes) == 0 && attributes.c_lflag & wanted == wanted
    }

    /// The exit status; nil if it still runs after a minute.
    func status() async -> Int32? {
        let hasEnded = await eventually(within: .seconds(60)) {
            // What nobody reads would keep it waiting.
            _ = text
            return !process.isRunning
        }
        return hasEnded ? process.terminationStatus : nil
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        close(master)
    }
}
