using ClipTrain.Cli.Sweeps;
using ClipTrain.Tests.Shared;

namespace ClipTrain.Cli.Tests.Sweeps;

public sealed class TrialLogTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(
        "09:21:33 INF step 1\n09:21:34 ERR rank 0: no space left\n  | a line of a worker\nresumable from step 10\n",
        "rank 0: no space left"
    )]
    [InlineData("09:21:33 ERR first\n09:21:34 ERR second\n", "second")]
    [InlineData("09:21:33 INF step 1\nnope.parquet does not exist\n\n", "nope.parquet does not exist")]
    [InlineData("", "it printed nothing")]
    public void The_reason_is_the_last_error_or_the_last_line(string log, string reason) =>
        Assert.Equal(reason, TrialLog.Reason(Written(log), from: 0));

    [Fact]
    public void Errors_of_earlier_processes_do_not_count()
    {
        const string Earlier = "09:21:33 ERR no space left\n";
        Assert.Equal("nope", TrialLog.Reason(Written(Earlier + "nope\n"), Earlier.Length));
    }

    [Fact]
    public void A_process_without_a_log_printed_nothing() =>
        Assert.Equal("it printed nothing", TrialLog.Reason(_folder.File("none"), from: 0));

    private string Written(string log)
    {
        File.WriteAllText(_folder.File("log"), log);
        return _folder.File("log");
    }
}
