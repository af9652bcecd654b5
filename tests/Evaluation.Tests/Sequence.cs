namespace ClipTrain.Evaluation.Tests;

/// <summary>The same numbers here and in the NumPy programs that expected values come from: x ← 1103515245 x + 12345 mod 2³¹.</summary>
internal static class Sequence
{
    public static long[] Of(int count, long seed)
    {
        var numbers = new long[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = seed = ((1103515245 * seed) + 12345) % 2147483648;
        }

        return numbers;
    }
}
