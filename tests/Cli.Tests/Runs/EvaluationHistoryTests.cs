using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Evaluation.Statistics;
using ClipTrain.Tests.Shared;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class EvaluationHistoryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RunFiles _files;

    public EvaluationHistoryTests() => _files = new RunFiles(_folder.Path);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Steps_that_a_run_repeats_are_dropped_and_no_step_occurs_twice()
    {
        var before = new EvaluationHistory(_files, term: 1, resumedStep: 0);
        before.Add(Loss(10, 3));
        before.Add(Loss(20, 2.5));
        before.Add(Loss(30, 9));

        var after = new EvaluationHistory(_files, term: 2, resumedStep: 20);
        Assert.Equal(["10,640,3", "20,1280,2.5"], Table());
        after.Add(Loss(20, 2.25));
        after.Add(Loss(30, 2));
        Assert.Equal(["10,640,3", "20,1280,2.25", "30,1920,2"], Table());
        Assert.Equal([10L, 20, 30], new EvaluationHistory(_files, term: 2, resumedStep: 30).Steps.Select(step => step.Step));
    }

    [Fact]
    public void A_host_that_was_suspended_and_replaced_overwrites_nothing_when_it_wakes()
    {
        FileRunLedger.Open(_files.Ledger, term: 1).Dispose();
        var suspended = new EvaluationHistory(_files, term: 1, resumedStep: 0);
        Assert.True(suspended.Add(Loss(10, 3)));
        Assert.True(suspended.Add(Loss(20, 9)));

        FileRunLedger.Open(_files.Ledger, term: 2).Dispose();
        var successor = new EvaluationHistory(_files, term: 2, resumedStep: 10);
        Assert.True(successor.Add(Loss(20, 2.5)));

        Assert.False(suspended.Add(Loss(30, 8)));
        Assert.Equal(["10,640,3", "20,1280,2.5"], Table());
        Assert.True(successor.Add(Loss(30, 2)));
        Assert.Equal(["10,640,3", "20,1280,2.5", "30,1920,2"], Table());
        Assert.Equal([10L, 20, 30], new EvaluationHistory(_files, term: 2, resumedStep: 30).Steps.Select(step => step.Step));
    }

    [Fact]
    public void A_half_written_line_and_one_without_samples_are_read()
    {
        Directory.CreateDirectory(_files.Evaluation);
        File.WriteAllText(
            _files.EvaluationLines,
            """
            {"step":10,"results":[{"set":"heldout","task":"retrieval","metric":"loss","value":3,"low":null,"high":null,"n":9,"seed":null}]}
            {"step":20,"resul
            """
        );
        _ = new EvaluationHistory(_files, term: 2, resumedStep: 20);
        Assert.Equal(["10,,3"], Table());
    }

    private static EvaluatedStep Loss(long step, double value) =>
        new(step, [new ResultRow("heldout", "retrieval", "loss", value, null, null, 9, null)], step * 64);

    private string[] Table() =>
        [.. File.ReadLines(_files.EvaluationTable).Skip(1).Select(line => line.Split(',')).Select(row => $"{row[0]},{row[1]},{row[5]}")];
}
