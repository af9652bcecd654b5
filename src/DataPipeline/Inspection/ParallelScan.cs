using System.Collections.Concurrent;
using ClipTrain.DataPipeline.Corpus;
using ClipTrain.DataPipeline.Import;

namespace ClipTrain.DataPipeline.Inspection;

/// <summary>A sample: its row in the group read with it, and its number in the corpus.</summary>
internal readonly record struct SampleRow(int Row, long Index);

/// <summary>Results for a chunk of adjacent samples.</summary>
/// <param name="FirstIndex">Number of the first sample in the corpus.</param>
/// <param name="Rows">Number of samples.</param>
/// <param name="Results">One result per sample; empty after a failure.</param>
/// <param name="Failure">The reason why they could not be read, or null.</param>
internal sealed record ScannedChunk<T>(long FirstIndex, int Rows, IReadOnlyList<T> Results, CorpusException? Failure);

/// <summary>
/// Examines rows of a corpus on all cores, with results in corpus order for any number of cores. Memory: two or three groups of rows,
/// encoded.
/// </summary>
/// <param name="createTools">Creates the tools that a thread needs; used by one thread at a time.</param>
/// <param name="look">Examines a row.</param>
internal sealed class ParallelScan<TTools, TResult>(Func<TTools> createTools, Func<TTools, RowGroup, SampleRow, TResult> look)
    where TTools : IDisposable
{
    private const int ChunkRows = 32,
        ChunksPerCore = 4;

    private readonly ConcurrentBag<TTools> _idle = [];

    public IEnumerable<ScannedChunk<TResult>> Run(CorpusManifest manifest, RowChoice choice, CancellationToken cancellation)
    {
        using var reader = new CorpusReader(manifest);
        try
        {
            foreach (var rows in ReadAhead.Select(Chunks(manifest, choice, reader), Look, ChunksPerCore * Environment.ProcessorCount))
            {
                cancellation.ThrowIfCancellationRequested();
                yield return rows;
            }
        }
        finally
        {
            foreach (var tools in _idle)
            {
                tools.Dispose();
            }
        }
    }

    private static IEnumerable<Chunk> Chunks(CorpusManifest manifest, RowChoice choice, CorpusReader reader)
    {
        foreach (var (number, wanted) in choice.RowGroups)
        {
            var group = manifest.RowGroups[number];
            SampleRow[] samples =
            [
                .. Enumerable
                    .Range(0, group.Samples)
                    .Where(nth => wanted is null || wanted[nth])
                    .Select(nth => group.FirstIndex + nth)
                    .Select(index => new SampleRow(manifest.RowOf(index).Row, index)),
            ];
            var mask = new bool[group.Rows];
            foreach (var sample in samples)
            {
                mask[sample.Row] = true;
            }

            SharedRows shared;
            CorpusException? failure = null;
            try
            {
                shared = new SharedRows(reader.Read(number, mask));
            }
            catch (CorpusException e)
            {
                (shared, failure) = (SharedRows.None, e);
            }

            if (failure is not null)
            {
                yield return new Chunk(shared, [], group.FirstIndex, samples.Length, failure);
                continue;
            }

            // The group is freed with its last chunk, or with this iterator if it is abandoned.
            using var hold = shared;
            foreach (var chunk in samples.Chunk(ChunkRows))
            {
                yield return new Chunk(shared.Share(), chunk, chunk[0].Index, chunk.Length, Failure: null);
            }
        }
    }

    private ScannedChunk<TResult> Look(Chunk chunk)
    {
        if (chunk.Failure is not null)
        {
            return new ScannedChunk<TResult>(chunk.FirstIndex, chunk.Count, [], chunk.Failure);
        }

        using var shared = chunk.Shared;
        var tools = _idle.TryTake(out var idle) ? idle : createTools();
        try
        {
            return new ScannedChunk<TResult>(
                chunk.FirstIndex,
                chunk.Count,
                Array.ConvertAll(chunk.Rows, row => look(tools, shared.Rows, row)),
                Failure: null
            );
        }
        finally
        {
            _idle.Add(tools);
        }
    }

    private sealed record Chunk(SharedRows Shared, SampleRow[] Rows, long FirstIndex, int Count, CorpusException? Failure);

    /// <summary>A group of rows that is freed once all holders have disposed it.</summary>
    private sealed class SharedRows(RowGroup? rows) : IDisposable
    {
        private int _holders = 1;

        public static SharedRows None { get; } = new(rows: null);

        public RowGroup Rows => rows!;

        public SharedRows Share()
        {
            Interlocked.Increment(ref _holders);
            return this;
        }

        public void Dispose()
        {
            if (Interlocked.Decrement(ref _holders) == 0)
            {
                rows?.Dispose();
            }
        }
    }
}
