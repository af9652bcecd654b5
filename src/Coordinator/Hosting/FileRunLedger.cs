using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Hosting;

/// <summary>
/// The ledger as a file of lines <c>{"generation":{…}}</c> and <c>{"step":{…}}</c>, synced with every batch. A last line
/// that a crash has cut short is removed when the file is opened: its steps were not acknowledged and come again.
/// </summary>
public sealed class FileRunLedger : IRunLedger, IDisposable
{
    private readonly AppendOnlyFile _file;

    private FileRunLedger(AppendOnlyFile file) => _file = file;

    public long RecordedStep { get; private set; }

    public GenerationRecord? LastGeneration { get; private set; }

    /// <summary>Opens the ledger of a run, or makes it.</summary>
    /// <param name="path">The file, usually ledger.jsonl in the run directory, which must exist.</param>
    /// <exception cref="InvalidDataException">A line before the last is no entry.</exception>
    public static FileRunLedger Open(string path)
    {
        var ledger = new FileRunLedger(AppendOnlyFile.Open(path));
        try
        {
            long whole = 0;
            foreach (var (entry, end) in Scan(path))
            {
                ledger.Note(entry);
                whole = end;
            }

            ledger._file.Truncate(whole);
            return ledger;
        }
        catch
        {
            ledger.Dispose();
            throw;
        }
    }

    /// <summary>The entries of a ledger, in order; also while a coordinator appends to it.</summary>
    /// <exception cref="InvalidDataException">A line before the last is no entry.</exception>
    public static IEnumerable<LedgerEntry> Read(string path) => Scan(path).Select(line => line.Entry);

    /// <summary>Writes entries as a ledger's lines, which <see cref="Read"/> reads.</summary>
    public static void Write(Stream stream, IEnumerable<LedgerEntry> entries)
    {
        foreach (var entry in entries)
        {
            JsonSerializer.Serialize(stream, entry, CoordinatorJson.Default.LedgerEntry);
            stream.WriteByte((byte)'\n');
        }
    }

    public Task AppendAsync(IReadOnlyList<LedgerEntry> entries)
    {
        using var lines = new MemoryStream();
        Write(lines, entries);
        _file.Append(lines.GetBuffer().AsSpan(0, (int)lines.Length));
        foreach (var entry in entries)
        {
            Note(entry);
        }

        return Task.CompletedTask;
    }

    public void Dispose() => _file.Dispose();

    private void Note(LedgerEntry entry)
    {
        if (entry.Generation is { } generation)
        {
            LastGeneration = generation;
            RecordedStep = Math.Min(RecordedStep, generation.StartStep);
        }
        else
        {
            RecordedStep = entry.Step!.Metrics.Step;
        }
    }

    /// <summary>Whole entries, each with the offset of its line's end. A torn line is the last one: nothing comes after it.</summary>
    private static IEnumerable<(LedgerEntry Entry, long End)> Scan(string path)
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
            return JsonSerializer.Deserialize(line, CoordinatorJson.Default.LedgerEntry) is { } entry && entry is not { Generation: null, Step: null } ? entry : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
