using System.Globalization;
using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Storage;

/// <summary>
/// The proof of what a run has done: its generations and every committed step, in order, kept for good. A folder of segments
/// <c>000001.jsonl</c>, <c>000002.jsonl</c> …, one for each activation of the run that wrote, named after its epoch. Each
/// begins with the name and length of the one before it, so that whatever an activation that was taken for dead appends to its
/// own segment later on counts for nothing.
/// <para>Lines are synced with every batch. A last line that a crash has cut short does not count: its steps were not
/// acknowledged and come again.</para>
/// </summary>
public sealed class FileRunLedger : IRunLedger, IDisposable
{
    private readonly string _directory;
    private readonly long _epoch;
    private readonly AppendOnlyFile _segment;

    private FileRunLedger(string directory, long epoch)
    {
        _directory = directory;
        _epoch = epoch;
        _segment = AppendOnlyFile.Open(PathOf(directory, epoch));
    }

    public long RecordedStep { get; private set; }

    public GenerationRecord? LastGeneration { get; private set; }

    /// <summary>Begins the segment of an epoch. Whoever wrote before is fenced off from here on.</summary>
    /// <param name="directory">The ledger's folder, usually <c>ledger/</c> in the run directory; made if it does not exist.</param>
    /// <param name="epoch">That of the activation; greater than any that has written.</param>
    /// <exception cref="InvalidDataException">A line before the last of a segment is no entry.</exception>
    public static FileRunLedger Open(string directory, long epoch)
    {
        Directory.CreateDirectory(directory);

        // The file exists before the length of the one before is read: its writer looks for a newer segment after every sync.
        var ledger = new FileRunLedger(directory, epoch);
        try
        {
            var before = LastBegun(directory, epoch - 1);
            var length = before == 0 ? 0 : LedgerFile.Scan(PathOf(directory, before)).Last().End;
            ledger.Write([new LedgerEntry(After: new LedgerSeal(before, length))]);

            foreach (var entry in Read(directory))
            {
                ledger.Note(entry);
            }

            return ledger;
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Generations and steps of a ledger, in order; also while a coordinator appends to it. Empty when there is no ledger.
    /// </summary>
    /// <exception cref="InvalidDataException">A line before the last of a segment is no entry.</exception>
    public static IEnumerable<LedgerEntry> Read(string directory)
    {
        // A segment's end is known from the one behind it, so the chain is followed from the newest back.
        var chain = new Stack<(string Path, long Length)>();
        for (
            var seal = new LedgerSeal(LastBegun(directory, long.MaxValue), long.MaxValue);
            seal.Epoch > 0;
            seal = SealOf(directory, seal.Epoch)!
        )
        {
            chain.Push((PathOf(directory, seal.Epoch), seal.Bytes));
        }

        return chain
            .SelectMany(segment => LedgerFile.Scan(segment.Path).TakeWhile(line => line.End <= segment.Length))
            .Select(line => line.Entry)
            .Where(entry => entry.After is null);
    }

    /// <exception cref="LedgerFencedException">Another activation has taken the run over. The entries do not count.</exception>
    public Task AppendAsync(IReadOnlyList<LedgerEntry> entries)
    {
        Write(entries);
        foreach (var entry in entries)
        {
            Note(entry);
        }

        return Task.CompletedTask;
    }

    public void Dispose() => _segment.Dispose();

    private static string PathOf(string directory, long epoch) =>
        Path.Combine(directory, epoch.ToString("D6", CultureInfo.InvariantCulture) + ".jsonl");

    private static IEnumerable<long> Segments(string directory) =>
        !Directory.Exists(directory)
            ? []
            : Directory
                .EnumerateFiles(directory, "*.jsonl")
                .Select(path =>
                    long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var epoch)
                        ? epoch
                        : 0
                )
                .Where(epoch => epoch > 0)
                .Order();

    /// <summary>
    /// The newest segment up to an epoch whose first line is whole; 0 when there is none. One that was not begun holds nothing.
    /// </summary>
    private static long LastBegun(string directory, long upTo) =>
        Segments(directory).LastOrDefault(segment => segment <= upTo && SealOf(directory, segment) is not null);

    private static LedgerSeal? SealOf(string directory, long epoch) =>
        LedgerFile.Scan(PathOf(directory, epoch)).Select(line => line.Entry.After).FirstOrDefault();

    private void Write(IReadOnlyList<LedgerEntry> entries)
    {
        using var lines = new MemoryStream();
        LedgerFile.Write(lines, entries);
        _segment.Append(lines.GetBuffer().AsSpan(0, (int)lines.Length));
        if (Segments(_directory).Last() > _epoch)
        {
            throw new LedgerFencedException(_epoch);
        }
    }

    private void Note(LedgerEntry entry)
    {
        if (entry.Generation is { } generation)
        {
            LastGeneration = generation;
            RecordedStep = Math.Min(RecordedStep, generation.StartStep);
        }
        else if (entry.Step is { } step)
        {
            RecordedStep = step.Metrics.Step;
        }
    }
}

/// <summary>The activation of an epoch is not the run's newest and may record nothing any more.</summary>
public sealed class LedgerFencedException(long epoch) : Exception($"The run was taken over: epoch {epoch} may write no more.");

/// <summary>Entries as lines <c>{"generation":{…}}</c> and <c>{"step":{…}}</c> of a file.</summary>
public static class LedgerFile
{
    /// <summary>Whole entries of a file, in order.</summary>
    /// <exception cref="InvalidDataException">A line before the last is no entry.</exception>
    public static IEnumerable<LedgerEntry> Read(string path) => Scan(path).Select(line => line.Entry);

    public static void Write(Stream stream, IEnumerable<LedgerEntry> entries)
    {
        foreach (var entry in entries)
        {
            JsonSerializer.Serialize(stream, entry, CoordinatorJson.Default.LedgerEntry);
            stream.WriteByte((byte)'\n');
        }
    }

    /// <summary>Whole entries, each with the offset of its line's end. A torn line is the last one: nothing comes after it.</summary>
    internal static IEnumerable<(LedgerEntry Entry, long End)> Scan(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var number = 0;
        InvalidDataException? torn = null;
        foreach (var (line, end) in LineReader.Read(file))
        {
            if (torn is not null)
            {
                throw torn;
            }

            number++;
            if (Parse(line.Span) is { } entry)
            {
                yield return (entry, end);
            }
            else
            {
                torn = new InvalidDataException($"{path}, line {number}: is no entry of a ledger.");
            }
        }
    }

    private static LedgerEntry? Parse(ReadOnlySpan<byte> line)
    {
        try
        {
            return
                JsonSerializer.Deserialize(line, CoordinatorJson.Default.LedgerEntry) is { } entry
                && entry is not { Generation: null, Step: null, After: null }
                ? entry
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
