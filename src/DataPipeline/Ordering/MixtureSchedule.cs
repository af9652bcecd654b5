using System.Numerics;

namespace ClipTrain.DataPipeline.Ordering;

/// <summary>
/// Assigns the positions of a stream to corpora in fixed shares, as evenly as possible. A pure function of the position, so a
/// run resumes at any step without replaying earlier ones.
/// <para>The first corpus takes ⌊n·w/W⌋ of the first n positions, where w is its weight and W the sum of all weights; the remaining
/// positions go to the other corpora in the same way. A corpus's count in the first n positions therefore differs from n·w/W by less
/// than the number of corpora, and equals it when n is a multiple of the weights' sum.</para>
/// </summary>
public sealed class MixtureSchedule
{
    // Corpus c takes _weights[c] of every _rests[c] positions left by the corpora before it.
    private readonly ulong[] _weights,
        _rests;

    /// <param name="weights">A positive, finite weight for each corpus. Integers are kept exactly, other values to 52 bits of the
    /// largest.</param>
    public MixtureSchedule(ReadOnlySpan<double> weights)
    {
        if (weights.IsEmpty)
        {
            throw new ArgumentException("the mixture has no corpus", nameof(weights));
        }

        foreach (var weight in weights)
        {
            if (!double.IsFinite(weight) || weight <= 0)
            {
                throw new ArgumentException($"a weight is {weight} but must be positive and finite", nameof(weights));
            }
        }

        _weights = Whole(weights);
        _rests = new ulong[_weights.Length];
        var rest = 0UL;
        for (var corpus = _weights.Length - 1; corpus >= 0; corpus--)
        {
            _rests[corpus] = rest += _weights[corpus];
        }

        for (var corpus = 0; corpus < _weights.Length; corpus++)
        {
            var divisor = (ulong)BigInteger.GreatestCommonDivisor(_weights[corpus], _rests[corpus]);
            (_weights[corpus], _rests[corpus]) = (_weights[corpus] / divisor, _rests[corpus] / divisor);
        }
    }

    /// <summary>Number of corpora.</summary>
    public int Corpora => _weights.Length;

    /// <summary>The corpus assigned to a position, and the number of earlier positions of that corpus.</summary>
    public (int Corpus, long Position) At(long position)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        var left = position;
        for (var corpus = 0; corpus < Corpora - 1; corpus++)
        {
            var taken = Scale(left, _weights[corpus], _rests[corpus]);
            if (Scale(left + 1, _weights[corpus], _rests[corpus]) > taken)
            {
                return (corpus, taken);
            }

            left -= taken;
        }

        return (Corpora - 1, left);
    }

    /// <summary>The number of a corpus's positions among the first <paramref name="positions"/>.</summary>
    public long CountOf(int corpus, long positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        var left = positions;
        for (var before = 0; before < corpus; before++)
        {
            left -= Scale(left, _weights[before], _rests[before]);
        }

        return Scale(left, _weights[corpus], _rests[corpus]);
    }

    /// <summary>⌊n · numerator / denominator⌋, for numerator ≤ denominator.</summary>
    private static long Scale(long n, ulong numerator, ulong denominator) => (long)((UInt128)(ulong)n * numerator / denominator);

    /// <summary>Integer weights. Scaling by a power of two keeps the ratios of integers exact.</summary>
    private static ulong[] Whole(ReadOnlySpan<double> weights)
    {
        var largest = 0.0;
        foreach (var weight in weights)
        {
            largest = Math.Max(largest, weight);
        }

        var scale = 52 - Math.ILogB(largest);
        var whole = new ulong[weights.Length];
        for (var i = 0; i < whole.Length; i++)
        {
            whole[i] = Math.Max(1, (ulong)Math.Round(Math.ScaleB(weights[i], scale)));
        }

        return whole;
    }
}
