using System.Globalization;
using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Coordinator.Storage;

/// <summary>The permanent record of a run: its generations and every committed step, in order.</summary>
public interface IRunLedger
{
    /// <summary>The last recorded step that no later generation has undone; 0 if there is none.</summary>
    long RecordedStep { get; }

    /// <summary>The last recorded generation; null if there is none.</summary>
    GenerationRecord? LastGeneration { get; }

    /// <summary>Appends entries. All are on disk when the task completes; none is if it fails.</summary>
    Task AppendAsync(IReadOnlyList<LedgerEntry> entries);
}

/// <summary>
/// The permanent record of a run: its generations and every committed step, in order. A folder of segments <c>000001.jsonl</c>,
/// <c>000002.jsonl</c> …, one per activation that wrote, named after its term. Each starts with the name and length of the previous
/// one, so that anything a replaced activation still appends to its own segment is ignored.
/// <para>Every batch is flushed to disk. An incomplete last line is ignored: its steps were not acknowledged and are sent again.</para>
/// </summary>
public sealed class FileRunLedger : IRunLedger, IDisposable
{
    private readonly string _directory;
    private readonly long _term;
    private readonly AppendOnlyFile _segment;

    private FileRunLedger(string directory, long term)
    {
        _directory = directory;
        _term = term;
        _segment = AppendOnlyFile.Open(PathOf(directory, term));
    }

    public long RecordedStep { get; private set; }

    public GenerationRecord? LastGeneration { get; private set; }

    /// <summary>Starts the segment of a term and fences off earlier writers.</summary>
    /// <param name="directory">The ledger's folder, usually <c>ledger/</c> in the run directory; created if missing.</param>
    /// <param name="term">Term of the activation, greater than that of any writer before.</param>
    /// <exception cref="InvalidDataException">A line before the last of a segment is not an entry.</exception>
    public static FileRunLedger Open(string directory, long term)
    {
        Directory.CreateDirectory(directory);

        // The file must exist before the length of the previous segment is read: that segment's writer looks for a newer one after every
        // flush.
        var ledger = new FileRunLedger(directory, term);
        try
        {
            var before = LastBegun(directory, term - 1);
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

    /// <summary>Generations and steps of a ledger, in order, even while a coordinator appends to it. Empty if there is no ledger.</summary>
    /// <exception cref="InvalidDataException">A line before the last of a segment is not an entry.</exception>
    public static IEnumerable<LedgerEntry> Read(string directory)
    {
        // The next segment holds a segment's valid length, so follow the chain back from the newest.
        var chain = new Stack<(string Path, long Length)>();
        for (
            var seal = new LedgerSeal(LastBegun(directory, long.MaxValue), long.MaxValue);
            seal.Term > 0;
            seal = SealOf(directory, seal.Term)!
        )
        {
            chain.Push((PathOf(directory, seal.Term), seal.Bytes));
        }

        return chain
            .SelectMany(segment => LedgerFile.Scan(segment.Path).TakeWhile(line => line.End <= segment.Length))
            .Select(line => line.Entry)
            .Where(entry => entry.After is null);
    }

    /// <summary>The terms whose activations opened a ledger, in order.</summary>
    public static IEnumerable<long> Terms(string directory) =>
        !Directory.Exists(directory)
            ? []
            : Directory
                .EnumerateFiles(directory, "*.jsonl")
                .Select(path =>
                    long.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out var term)
                        ? term
                        : 0
                )
                .Where(term => term > 0)
                .Order();

    /// <summary>True unless an activation of a later term has taken over the run. A host asks before it replaces a file.</summary>
    public static bool IsNewest(string directory, long term) => Terms(directory).LastOrDefault() <= term;

    /// <exception cref="LedgerFencedException">Another activation has taken over the run. The entries are ignored.</exception>
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

    private static string PathOf(string directory, long term) =>
        Path.Combine(directory, term.ToString("D6", CultureInfo.InvariantCulture) + ".jsonl");

    /// <summary>The newest segment up to a term with a complete first line; 0 if there is none.</summary>
    private static long LastBegun(string directory, long upTo) =>
        Terms(directory).LastOrDefault(segment => segment <= upTo && SealOf(directory, segment) is not null);

    private static LedgerSeal? SealOf(string directory, long term) =>
        LedgerFile.Scan(PathOf(directory, term)).Select(line => line.Entry.After).FirstOrDefault();

    private void Write(IReadOnlyList<LedgerEntry> entries)
    {
        using var lines = new MemoryStream();
        LedgerFile.Write(lines, entries);
        _segment.Append(lines.GetBuffer().AsSpan(0, (int)lines.Length));
        if (!IsNewest(_directory, _term))
        {
            throw new LedgerFencedException(_term);
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

/// <summary>Thrown if the activation of a term is not the run's newest and may no longer write.</summary>
public sealed class LedgerFencedException(long term) : Exception($"The run was taken over: term {term} may write no more.");
