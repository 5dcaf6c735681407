import Dispatch
import Foundation

/// A terminal that shows a screen in place: on its alternate screen, which leaves what was there as it was.
enum WatchTerminal {
    /// How it ended.
    enum Ending: Sendable {
        /// By `q`.
        case quit
        /// By Ctrl-C.
        case interrupted
    }

    private enum Event: Sendable {
        case tick, resized
        case end(Ending)
    }

    /// Whether results go to a terminal.
    static var isAvailable: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Shows what `read` gives, again and again and at once after a change of size, until the user ends it.
    ///
    /// - Throws: what `read` throws, and `CancellationError`; the terminal is then as before.
    static func show(every interval: Duration, _ read: () async throws -> WatchScreen) async throws -> Ending {
        var screen = try await read()
        let session = TerminalSession()
        defer { session.end() }
        let (events, continuation) = AsyncStream.makeStream(of: Event.self)
        let sources = sources(every: interval, continuation)
        defer { for source in sources { source.cancel() } }
        draw(screen)
        for await event in events {
            switch event {
            case .end(let ending): return ending
            case .resized: break
            case .tick: screen = try await read()
            }
            draw(screen)
        }
        throw CancellationError()
    }

    /// Writes a frame over the one before, line by line, so that nothing flickers: what is unchanged stays as it is.
    private static func draw(_ screen: WatchScreen) {
        let size = self.size
        let lines = screen.lines(width: size.columns, height: size.rows)
        TerminalSession.write("\u{1B}[H" + lines.joined(separator: "\u{1B}[K\r\n") + "\u{1B}[K\u{1B}[J")
    }

    private static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    private static func sources(
        every interval: Duration, _ events: AsyncStream<Event>.Continuation
    ) -> [any DispatchSourceProtocol] {
        let queue = DispatchQueue(label: "octavo.watch")
        let timer = DispatchSource.makeTimerSource(queue: queue)
        let seconds = interval / .seconds(1)
        timer.schedule(deadline: .now() + seconds, repeating: seconds)
        timer.setEventHandler { events.yield(.tick) }
        let resizing = DispatchSource.makeSignalSource(signal: SIGWINCH, queue: queue)
        resizing.setEventHandler { events.yield(.resized) }
        let keys = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: queue)
        keys.setEventHandler {
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = Foundation.read(STDIN_FILENO, &bytes, bytes.count)
            // The terminal is gone.
            if count == 0 || count < 0 && errno != EINTR && errno != EAGAIN { events.yield(.end(.quit)) }
            for byte in bytes.prefix(max(0, count)) {
                switch byte {
                case UInt8(ascii: "q"), UInt8(ascii: "Q"): events.yield(.end(.quit))
                case 3: events.yield(.end(.interrupted))
                default: break
                }
            }
        }
        timer.resume()
        resizing.resume()
        guard isatty(STDIN_FILENO) == 1 else { return [timer, resizing] }
        keys.resume()
        return [timer, resizing, keys]
    }
}

/// The time during which the terminal is ours.
private final class TerminalSession {
    private var attributes: termios?

    /// Turns to the alternate screen, hides the cursor, and takes keys as they are pressed, Ctrl-C included.
    init() {
        var current = termios()
        if tcgetattr(STDIN_FILENO, &current) == 0 {
            attributes = current
            current.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG)
            tcsetattr(STDIN_FILENO, TCSANOW, &current)
        }
        Self.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J")
    }

    /// Gives it back as it was.
    func end() {
        Self.write("\u{1B}[?25h\u{1B}[?1049l")
        if var attributes { tcsetattr(STDIN_FILENO, TCSAFLUSH, &attributes) }
    }

    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { Foundation.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count > 0 { start += count } else if errno != EINTR { return }
        }
    }
}
