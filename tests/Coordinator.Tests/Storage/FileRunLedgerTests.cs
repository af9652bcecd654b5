using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Storage;
using ClipTrain.Coordinator.Tests.Rules;

namespace ClipTrain.Coordinator.Tests.Storage;

public sealed class FileRunLedgerTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private string Folder => _directory.File("ledger");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void There_need_be_no_ledger_to_read_none()
    {
        Assert.Empty(FileRunLedger.Read(Folder));
        Assert.False(Directory.Exists(Folder));
    }

    [Fact]
    public async Task What_was_appended_is_read_in_order_also_while_the_ledger_is_open()
    {
        var record = RunScript.Record(2, 1, 0.25, 0.5) with { Metrics = RunScript.Metrics(2) with { Loss = double.NaN } };
        using var ledger = FileRunLedger.Open(Folder, 1);
        await ledger.AppendAsync([Generation(1, 0), Step(1)]);
        await ledger.AppendAsync([new LedgerEntry(Step: record)]);

        var entries = FileRunLedger.Read(Folder).ToList();

        Assert.Equal(["worker-0", "worker-1"], entries[0].Generation!.Workers);
        Assert.Equal([18446744073709551615, 2], entries[0].Generation!.Shards);
        Assert.Equal(RunScript.Metrics(1), entries[1].Step!.Metrics);
        Assert.Equal(record.Metrics, entries[2].Step!.Metrics);
        Assert.Equal(record.Shares, entries[2].Step!.Shares);
    }

    [Fact]
    public async Task A_line_is_one_of_the_three_kinds()
    {
        await WriteAsync(1, Generation(1, 0), Step(1));

        var lines = await File.ReadAllLinesAsync(Segment(1));
        Assert.Equal("""{"after":{"epoch":0,"bytes":0}}""", lines[0]);
        Assert.StartsWith(
            """{"generation":{"generation":1,"startStep":0,"workers":["worker-0","worker-1"],"time":""",
            lines[1],
            StringComparison.Ordinal
        );
        Assert.StartsWith("""{"step":{"generation":1,"metrics":{"step":1,""", lines[2], StringComparison.Ordinal);
        Assert.Equal(3, lines.Length);
    }

    [Fact]
    public async Task The_recorded_step_goes_back_with_a_generation_that_starts_before_it()
    {
        using (var ledger = FileRunLedger.Open(Folder, 1))
        {
            Assert.Equal((0, null), (ledger.RecordedStep, ledger.LastGeneration));
            await ledger.AppendAsync([Generation(1, 0), Step(1), Step(2), Step(3)]);
            Assert.Equal(3, ledger.RecordedStep);
            await ledger.AppendAsync([Generation(2, 3)]);
            Assert.Equal(3, ledger.RecordedStep);
            await ledger.AppendAsync([Generation(3, 1)]);
            Assert.Equal(1, ledger.RecordedStep);
            await ledger.AppendAsync([Step(2, generation: 3)]);
        }

        using var again = FileRunLedger.Open(Folder, 2);
        Assert.Equal((2, 3), (again.RecordedStep, again.LastGeneration!.Generation));
    }

    [Fact]
    public async Task A_takeover_goes_on_in_a_segment_of_its_own_that_says_how_long_the_one_before_is()
    {
        await WriteAsync(1, Generation(1, 0), Step(1), Step(2));
        await WriteAsync(4, Step(3));
        await WriteAsync(5, Step(4), Step(5));

        Assert.Equal(["000001.jsonl", "000004.jsonl", "000005.jsonl"], Directory.GetFiles(Folder).Select(Path.GetFileName).Order());
        Assert.Equal(new LedgerSeal(4, new FileInfo(Segment(4)).Length), LedgerFile.Read(Segment(5)).First().After);
        Assert.Equal([1, 2, 3, 4, 5], Steps());
    }

    [Fact]
    public async Task An_activation_that_was_taken_over_is_refused_and_what_it_appends_does_not_count()
    {
        using var zombie = FileRunLedger.Open(Folder, 1);
        await zombie.AppendAsync([Generation(1, 0), Step(1)]);
        using var next = FileRunLedger.Open(Folder, 2);

        await Assert.ThrowsAsync<LedgerFencedException>(() => zombie.AppendAsync([Step(2), Step(3)]));
        await Assert.ThrowsAsync<LedgerFencedException>(() => zombie.AppendAsync([Step(4)]));
        Assert.Equal(1, next.RecordedStep);
        await next.AppendAsync([Step(2)]);

        Assert.Equal([1, 2], Steps());
        Assert.Equal([1, 2, 3, 4], StepsOf(LedgerFile.Read(Segment(1))));
        using var third = FileRunLedger.Open(Folder, 3);
        Assert.Equal(2, third.RecordedStep);
    }

    [Fact]
    public async Task A_segment_that_was_begun_and_not_sealed_is_passed_over_and_fences_all_the_same()
    {
        using var first = FileRunLedger.Open(Folder, 1);
        await first.AppendAsync([Generation(1, 0), Step(1)]);

        // Term 2 died when it had made its file, term 3 in the middle of its first line.
        await File.WriteAllTextAsync(Segment(2), "");
        await File.WriteAllTextAsync(Segment(3), """{"after":{"epo""");

        await Assert.ThrowsAsync<LedgerFencedException>(() => first.AppendAsync([Step(2)]));
        using var fourth = FileRunLedger.Open(Folder, 4);
        await fourth.AppendAsync([Step(3)]);
        Assert.Equal(new LedgerSeal(1, new FileInfo(Segment(1)).Length), LedgerFile.Read(Segment(4)).First().After);

        // What the first wrote before anybody had sealed it was on disk and counts: only the answer was lost.
        Assert.Equal([1, 2, 3], Steps());
    }

    [Fact]
    public async Task A_line_that_was_cut_short_anywhere_does_not_count()
    {
        await WriteAsync(1, Generation(1, 0), Step(1), Step(2));
        var whole = await File.ReadAllBytesAsync(Segment(1));
        var ends = whole.Select((octet, i) => (octet, i)).Where(at => at.octet == '\n').Select(at => at.i + 1).Prepend(0).ToList();
        for (var length = 0; length <= whole.Length; length += ends.Exists(end => Math.Abs(end - length) < 2) ? 1 : 11)
        {
            await File.WriteAllBytesAsync(Segment(1), whole[..length]);
            var kept = Math.Max(0, ends.FindLastIndex(end => end <= length) - 1);
            Assert.Equal(kept, FileRunLedger.Read(Folder).Count());
            if (length % 3 == 0)
            {
                using (var ledger = FileRunLedger.Open(Folder, 2))
                {
                    Assert.Equal(Math.Max(0, kept - 1), ledger.RecordedStep);
                    await ledger.AppendAsync([Step(9)]);
                }

                Assert.Equal(kept + 1, FileRunLedger.Read(Folder).Count());
                File.Delete(Segment(2));
            }
        }
    }

    [Fact]
    public async Task A_last_line_that_has_an_end_and_is_no_entry_is_torn_too()
    {
        await WriteAsync(1, Generation(1, 0), Step(1));
        await File.AppendAllTextAsync(Segment(1), "\0\0\0\0\n");
        Assert.Equal([1], Steps());
        await WriteAsync(2, Step(2));
        Assert.Equal([1, 2], Steps());
    }

    [Fact]
    public async Task What_could_not_be_written_whole_is_removed_before_the_next_line()
    {
        using var ledger = FileRunLedger.Open(Folder, 1);
        await ledger.AppendAsync([Generation(1, 0), Step(1)]);

        // A full disk has taken a part of a batch.
        await using (var file = new FileStream(Segment(1), FileMode.Append, FileAccess.Write, FileShare.ReadWrite))
        {
            await file.WriteAsync("""{"step":{"genera"""u8.ToArray());
        }

        Assert.Equal([1], Steps());
        await ledger.AppendAsync([Step(2)]);
        Assert.Equal([1, 2], Steps());
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("garbage")]
    public async Task A_line_before_the_last_that_is_no_entry_is_named(string line)
    {
        await WriteAsync(1, Generation(1, 0), Step(1));
        var lines = await File.ReadAllLinesAsync(Segment(1));
        await File.WriteAllLinesAsync(Segment(1), [lines[0], line, lines[1]]);

        var error = Assert.Throws<InvalidDataException>(() => FileRunLedger.Open(Folder, 2));
        Assert.Equal($"{Segment(1)}, line 2: is not a ledger entry.", error.Message);
    }

    [Fact]
    public async Task A_ledger_larger_than_any_buffer_is_read_whole()
    {
        await WriteAsync(
            1,
            [
                Generation(1, 0),
                new LedgerEntry(Step: RunScript.Record(1, 1, new double[4000])),
                .. Enumerable.Range(2, 999).Select(step => Step(step)),
            ]
        );
        Assert.Equal(Enumerable.Range(1, 1000).Select(step => (long)step), Steps());
    }

    [Fact]
    public async Task Readers_see_whole_batches_in_order_while_a_run_is_taken_over_again_and_again()
    {
        const int Terms = 20,
            Batches = 5;
        var isWritten = false;
        var writer = Task.Run(async () =>
        {
            for (var term = 1; term <= Terms; term++)
            {
                await WriteAsync(term, [.. Enumerable.Range(((term - 1) * Batches) + 1, Batches).Select(step => Step(step))]);
            }

            Volatile.Write(ref isWritten, true);
        });
        while (!Volatile.Read(ref isWritten) && !writer.IsFaulted)
        {
            var steps = Steps().ToList();
            Assert.Equal(Enumerable.Range(1, steps.Count).Select(step => (long)step), steps);
        }

        await writer;
        Assert.Equal(Terms * Batches, Steps().Count());
    }

    private static LedgerEntry Generation(int number, long startStep) =>
        new(new GenerationRecord(number, startStep, ["worker-0", "worker-1"], RunScript.Start) { Shards = [ulong.MaxValue, 2] });

    private static LedgerEntry Step(long step, int generation = 1) => new(Step: RunScript.Record(step, generation, 0.1));

    private static IEnumerable<long> StepsOf(IEnumerable<LedgerEntry> entries) =>
        entries.Where(entry => entry.Step is not null).Select(entry => entry.Step!.Metrics.Step);

    private IEnumerable<long> Steps() => StepsOf(FileRunLedger.Read(Folder));

    private string Segment(int term) => Path.Combine(Folder, $"{term:D6}.jsonl");

    private async Task WriteAsync(int term, params IReadOnlyList<LedgerEntry> entries)
    {
        using var ledger = FileRunLedger.Open(Folder, term);
        await ledger.AppendAsync(entries);
    }
}
