using System.Text.Json;
using ClipTrain.Trainer.Config;
using ClipTrain.Trainer.Options;
using FsCheck;
using FsCheck.Fluent;

namespace ClipTrain.Trainer.Tests.Config;

public sealed class RoundTripTests
{
    [Fact]
    public void Loading_what_was_written_gives_the_same_options()
    {
        var runs = RunGenerator.Runs.ToArbitrary();
        Check.One(
            FsCheck.Config.QuickThrowOnFailure.WithMaxTest(300),
            Prop.ForAll(
                runs,
                run =>
                {
                    using var file = new RunFile(ConfigWriter.Write(run));
                    return HaveSameContent(run, file.Load());
                }
            )
        );
    }

    private static bool HaveSameContent(RunOptions expected, RunOptions actual)
    {
        // Records compare lists by reference; their JSON compares them by content.
        Assert.Equal(JsonSerializer.Serialize(expected), JsonSerializer.Serialize(actual));
        return true;
    }
}
