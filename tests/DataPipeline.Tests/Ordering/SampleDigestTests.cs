using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.DataPipeline.Tests.Ordering;

public sealed class SampleDigestTests
{
    private static readonly SampleRef[] Samples = [.. Enumerable.Range(0, 64).Select(i => new SampleRef(i / 40, i * 7919L))];

    [Fact]
    public void The_same_samples_have_the_same_digest() => Assert.Equal(SampleDigest.Of(Samples), SampleDigest.Of([.. Samples]));

    [Fact]
    public void Any_change_changes_it()
    {
        var digests = new List<ulong> { SampleDigest.Of(Samples), SampleDigest.Of([]) };
        for (var i = 0; i < Samples.Length; i++)
        {
            digests.Add(Changed(i, sample => sample with { Index = sample.Index + 1 }));
            digests.Add(Changed(i, sample => sample with { Epoch = sample.Epoch + 1 }));
            digests.Add(SampleDigest.Of(Samples.AsSpan(0, i + 1)[..i]));
            if (i > 0)
            {
                digests.Add(Swapped(i));
            }
        }

        Assert.Equal(digests.Count - 1, digests.Distinct().Count());
    }

    private static ulong Changed(int i, Func<SampleRef, SampleRef> change)
    {
        var copy = Samples.ToArray();
        copy[i] = change(copy[i]);
        return SampleDigest.Of(copy);
    }

    private static ulong Swapped(int i)
    {
        var copy = Samples.ToArray();
        (copy[i], copy[i - 1]) = (copy[i - 1], copy[i]);
        return SampleDigest.Of(copy);
    }
}
