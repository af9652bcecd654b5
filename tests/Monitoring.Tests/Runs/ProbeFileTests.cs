using ClipTrain.Monitoring.Runs;

namespace ClipTrain.Monitoring.Tests.Runs;

public sealed class ProbeFileTests : IDisposable
{
    private static readonly string[] s_captions = ["a cat", "a dog\u001b[2J"],
        s_images = ["AAAA", "BBBB"];

    private readonly RunFolder _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void Looks_are_kept_in_order_and_captions_lose_what_a_terminal_would_act_on()
    {
        Add(0);
        Add(10);

        var probe = ProbeFile.Read(_run.Directory)!;
        Assert.Equal([0, 10], probe.Steps.Select(look => look.Step));
        Assert.Equal([0.5, -1], probe.Steps[1].Similarity[0]);
        Assert.Equal(["a cat", "a dog\ufffd[2J"], probe.Captions, StringComparer.Ordinal);
    }

    [Fact]
    public void A_run_that_goes_back_drops_the_later_looks()
    {
        foreach (var step in new[] { 0, 10, 20, 30, 15 })
        {
            Add(step);
        }

        Assert.Equal([0, 10, 15], ProbeFile.Read(_run.Directory)!.Steps.Select(look => look.Step));
    }

    [Fact]
    public void Another_batch_begins_anew()
    {
        Add(0);
        ProbeFile.Add(_run.Directory, s_captions, ["CCCC", "DDDD"], Look(10));
        Assert.Equal([10], ProbeFile.Read(_run.Directory)!.Steps.Select(look => look.Step));
    }

    [Fact]
    public void A_long_run_keeps_a_bounded_number_of_looks_and_the_last_one()
    {
        for (var step = 0; step < 450; step++)
        {
            Add(step);
        }

        var steps = ProbeFile.Read(_run.Directory)!.Steps;
        Assert.InRange(steps.Count, 100, 200);
        Assert.Equal(449, steps[^1].Step);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("""{"captions":["a"],"images":["AAAA","AAAA"],"steps":[]}""")]
    [InlineData("""{"captions":["a"],"images":["x\" onload=\"alert(1)"],"steps":[]}""")]
    [InlineData("""{"captions":["a"],"images":["AAAA"],"steps":[{"step":1,"similarity":[[1,2]]}]}""")]
    [InlineData("""{"captions":["a"],"images":["AAAA"],"steps":[null]}""")]
    [InlineData("""{"captions":[null],"images":["AAAA"],"steps":[]}""")]
    public void A_damaged_file_is_no_probe(string text)
    {
        File.WriteAllText(Path.Combine(_run.Directory, ProbeFile.Name), text);
        Assert.Null(ProbeFile.Read(_run.Directory));
    }

    private void Add(long step) => ProbeFile.Add(_run.Directory, s_captions, s_images, Look(step));

    private static ProbeStep Look(long step) =>
        new(
            step,
            [
                [0.5, -1],
                [0.25, 0.75],
            ]
        );
}
