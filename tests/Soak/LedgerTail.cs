using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;

namespace ClipTrain.Soak;

/// <summary>Follows a run's ledger through file notifications while it is written, and wakes callers that wait for an entry.</summary>
internal sealed class LedgerTail : IDisposable
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };
    private readonly string _folder;
    private readonly StepHistory _history;
    private readonly Violations _violations;
    private readonly FileSystemWatcher _watcher;
    private readonly List<(Func<StepHistory, bool> Condition, TaskCompletionSource Met)> _waiters = [];
    private readonly Lock _lock = new();

    /// <summary>The current segment, 0 before the first, and the number of bytes read from it.</summary>
    private long _term,
        _read;

    /// <param name="folder">Folder of the ledger. It need not exist yet, nor the run.</param>
    /// <param name="history">Receives every entry.</param>
    /// <param name="violations">Receives the problems of entries.</param>
    public LedgerTail(string folder, StepHistory history, Violations violations)
    {
        (_folder, _history, _violations) = (folder, history, violations);

        // A run's folder is created under another name and renamed, so watch its parent.
        var runs = Directory.CreateDirectory(Path.GetDirectoryName(Path.GetDirectoryName(folder))!);
        _watcher = new FileSystemWatcher(runs.FullName, "*.jsonl")
        {
            IncludeSubdirectories = true,
            NotifyFilter = NotifyFilters.Size | NotifyFilters.LastWrite | NotifyFilters.FileName,
        };
        _watcher.Changed += (_, _) => Drain();
        _watcher.Created += (_, _) => Drain();
        _watcher.Error += (_, _) => Drain();
        _watcher.EnableRaisingEvents = true;
    }

    /// <summary>Reads everything written so far and returns a value of the history.</summary>
    public T Drain<T>(Func<StepHistory, T> value)
    {
        lock (_lock)
        {
            Read();
            foreach (var (_, met) in _waiters.Where(waiter => waiter.Condition(_history)))
            {
                met.TrySetResult();
            }

            _waiters.RemoveAll(waiter => waiter.Met.Task.IsCompleted);
            return value(_history);
        }
    }

    /// <summary>Waits until the history meets a condition.</summary>
    /// <exception cref="TimeoutException">It does not within the limit.</exception>
    /// <exception cref="OperationCanceledException">A violation was found.</exception>
    public Task Until(Func<StepHistory, bool> condition, TimeSpan limit)
    {
        var met = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_lock)
        {
            _waiters.Add((condition, met));
        }

        Drain();
        return met.Task.WaitAsync(limit, _violations.Found);
    }

    public void Dispose() => _watcher.Dispose();

    private void Drain() => Drain(_ => true);

    private void Read()
    {
        while (true)
        {
            var text = _term == 0 ? [] : Unread();
            // While there is no newer segment, everything written counts. After that, the length that the newer segment states counts.
            if (Newer().ToList() is not { Count: > 0 } newer)
            {
                Take(text);
                return;
            }

            if (newer.LastOrDefault(term => SealOf(term) is not null) is not (> 0 and var next))
            {
                return;
            }

            while (SealOf(next)!.Term > _term)
            {
                next = SealOf(next)!.Term;
            }

            var seal = SealOf(next)!;
            if (seal.Term != _term || seal.Bytes < _read)
            {
                _violations.Add(
                    $"segment {next} continues from byte {seal.Bytes} of segment {seal.Term}, although {_read} bytes of segment {_term} "
                        + "counted"
                );
            }
            else
            {
                Take(text.AsSpan(0, (int)Math.Min(text.Length, seal.Bytes - _read)));
            }

            (_term, _read) = (next, 0);
        }
    }

    private void Take(ReadOnlySpan<byte> rest)
    {
        // Text after the last line break is still being written, or was when the coordinator was killed.
        for (int end; (end = rest.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
        {
            _read += end + 1;
            foreach (var wrong in _history.Add(JsonSerializer.Deserialize<LedgerEntry>(rest[..end], Json)!))
            {
                _violations.Add(wrong);
            }
        }
    }

    private byte[] Unread()
    {
        using var stream = new FileStream(PathOf(_term), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (stream.Length < _read)
        {
            _violations.Add(
                $"{PathOf(_term)} has lost complete lines: {_read} bytes of them were read, but it has only {stream.Length} bytes"
            );
        }

        var bytes = new byte[Math.Max(0, stream.Length - _read)];
        stream.Position = _read;
        return bytes[..stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false)];
    }

    /// <summary>Segments after the current one, in order.</summary>
    private IEnumerable<long> Newer() =>
        !Directory.Exists(_folder)
            ? []
            : Directory
                .EnumerateFiles(_folder, "*.jsonl")
                .Select(path => long.Parse(Path.GetFileNameWithoutExtension(path), CultureInfo.InvariantCulture))
                .Where(term => term > _term)
                .Order();

    /// <summary>The seal in the first line of a segment; null while the line is incomplete.</summary>
    private LedgerSeal? SealOf(long term) => LedgerFile.Read(PathOf(term)).FirstOrDefault()?.After;

    private string PathOf(long term) => Path.Combine(_folder, term.ToString("D6", CultureInfo.InvariantCulture) + ".jsonl");
}
