using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Hosting;

public sealed class FileRunLedgerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Path => _directory.File("ledger.jsonl");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task What_was_appended_is_read_in_order_also_while_the_ledger_is_open()
    {
        var record = RunScript.Record(2, 1, 0.25, 0.5) with { Metrics = RunScript.Metrics(2) with { Loss = double.NaN } };
        using var ledger = FileRunLedger.Open(Path);
        await ledger.AppendAsync([Generation(1, 0), Step(1)]);
        await ledger.AppendAsync([new LedgerEntry(Step: record)]);

        var entries = FileRunLedger.Read(Path).ToList();

        Assert.Equal(["worker-0", "worker-1"], entries[0].Generation!.Workers);
        Assert.Equal(RunScript.Metrics(1), entries[1].Step!.Metrics);
        Assert.Equal(record.Metrics, entries[2].Step!.Metrics);
        Assert.Equal(record.Shares, entries[2].Step!.Shares);
    }

    [Fact]
    public async Task A_line_is_one_of_the_two_kinds()
    {
        using (var ledger = FileRunLedger.Open(Path))
        {
            await ledger.AppendAsync([Generation(1, 0), Step(1)]);
        }

        var lines = await File.ReadAllLinesAsync(Path);
        Assert.StartsWith("""{"generation":{"generation":1,"startStep":0,"workers":["worker-0","worker-1"],"time":""", lines[0], StringComparison.Ordinal);
        Assert.StartsWith("""{"step":{"generation":1,"metrics":{"step":1,""", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_recorded_step_goes_back_with_a_generation_that_starts_before_it()
    {
        using var ledger = FileRunLedger.Open(Path);
        Assert.Equal((0, null), (ledger.RecordedStep, ledger.LastGeneration));
        await ledger.AppendAsync([Generation(1, 0), Step(1), Step(2), Step(3)]);
        Assert.Equal(3, ledger.RecordedStep);
        await ledger.AppendAsync([Generation(2, 3)]);
        Assert.Equal(3, ledger.RecordedStep);
        await ledger.AppendAsync([Generation(3, 1)]);
        Assert.Equal(1, ledger.RecordedStep);
        await ledger.AppendAsync([Step(2, generation: 3)]);
        ledger.Dispose();

        using var again = FileRunLedger.Open(Path);
        Assert.Equal((2, 3), (again.RecordedStep, again.LastGeneration!.Generation));
    }

    [Fact]
    public async Task A_line_that_was_cut_short_anywhere_is_removed_and_the_next_is_whole()
    {
        using (var ledger = FileRunLedger.Open(Path))
        {
            await ledger.AppendAsync([Generation(1, 0), Step(1), Step(2)]);
        }

        var whole = await File.ReadAllBytesAsync(Path);
        var ends = whole.Select((octet, i) => (octet, i)).Where(at => at.octet == '\n').Select(at => at.i + 1).Prepend(0).ToList();
        for (var length = 0; length <= whole.Length; length++)
        {
            await File.WriteAllBytesAsync(Path, whole[..length]);
            var kept = ends.FindLastIndex(end => end <= length);
            using (var ledger = FileRunLedger.Open(Path))
            {
                Assert.Equal(Math.Max(0, kept - 1), ledger.RecordedStep);
                if (length % 53 == 0)
                {
                    await ledger.AppendAsync([Step(9)]);
                }
            }

            Assert.Equal(kept + (length % 53 == 0 ? 1 : 0), FileRunLedger.Read(Path).Count());
        }
    }

    [Fact]
    public async Task A_last_line_that_has_an_end_and_is_no_entry_is_torn_too()
    {
        using (var ledger = FileRunLedger.Open(Path))
        {
            await ledger.AppendAsync([Generation(1, 0), Step(1)]);
        }

        var whole = await File.ReadAllBytesAsync(Path);
        await File.AppendAllTextAsync(Path, "\0\0\0\0\n");
        FileRunLedger.Open(Path).Dispose();
        Assert.Equal(whole, await File.ReadAllBytesAsync(Path));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("garbage")]
    public async Task A_line_before_the_last_that_is_no_entry_is_named(string line)
    {
        using (var ledger = FileRunLedger.Open(Path))
        {
            await ledger.AppendAsync([Generation(1, 0), Step(1)]);
        }

        var lines = await File.ReadAllLinesAsync(Path);
        await File.WriteAllLinesAsync(Path, [lines[0], line, lines[1]]);

        var error = Assert.Throws<InvalidDataException>(() => FileRunLedger.Open(Path));
        Assert.Equal($"{Path}, line 2: is no entry of a ledger.", error.Message);
        Assert.Throws<InvalidDataException>(() => FileRunLedger.Read(Path).ToList());
    }

    [Fact]
    public async Task A_ledger_larger_than_any_buffer_is_read_whole()
    {
        using (var ledger = FileRunLedger.Open(Path))
        {
            await ledger.AppendAsync([Generation(1, 0), new LedgerEntry(Step: RunScript.Record(1, 1, new double[4000])), .. Enumerable.Range(2, 999).Select(step => Step(step))]);
        }

        Assert.Equal(Enumerable.Range(1, 1000).Select(step => (long)step), FileRunLedger.Read(Path).Skip(1).Select(entry => entry.Step!.Metrics.Step));
    }

    private static LedgerEntry Generation(int number, long startStep) => new(new GenerationRecord(number, startStep, ["worker-0", "worker-1"], RunScript.Start));

    private static LedgerEntry Step(long step, int generation = 1) => new(Step: RunScript.Record(step, generation, 0.1));
}
