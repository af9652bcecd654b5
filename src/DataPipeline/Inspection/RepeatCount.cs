namespace ClipTrain.DataPipeline.Inspection;

/// <summary>Something that occurs more than once.</summary>
/// <param name="FirstIndex">The first sample that has it.</param>
/// <param name="Times">How many have it.</param>
public readonly record struct Repeat(long FirstIndex, long Times);

/// <summary>
/// Finds what occurs more than once by 64-bit hashes, 16 bytes of memory a sample: among a hundred million different
/// things two hashes are equal with a probability of 0.0003.
/// </summary>
public sealed class RepeatCount
{
    private const int Named = 5;

    private readonly List<(ulong Hash, long Index)> _seen = [];

    public void Add(ulong hash, long index) => _seen.Add((hash, index));

    /// <summary>How many samples have what an earlier one has, and what occurs most often.</summary>
    public (long Surplus, IReadOnlyList<Repeat> MostRepeated) Count()
    {
        _seen.Sort();
        var repeats = new List<Repeat>();
        long surplus = 0;
        for (int start = 0, end; start < _seen.Count; start = end)
        {
            for (end = start + 1; end < _seen.Count && _seen[end].Hash == _seen[start].Hash; end++) { }

            if (end - start == 1)
                continue;
            surplus += end - start - 1;
            repeats.Add(new Repeat(_seen[start].Index, end - start));
        }

        return (surplus, [.. repeats.OrderByDescending(r => r.Times).ThenBy(r => r.FirstIndex).Take(Named)]);
    }
}
