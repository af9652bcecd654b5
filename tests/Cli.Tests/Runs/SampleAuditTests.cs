using ClipTrain.Cli.Runs;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.DataPipeline.Ordering;

namespace ClipTrain.Cli.Tests.Runs;

public sealed class SampleAuditTests
{
    private const int GlobalBatch = 10,
        Samples = 48;
    private static readonly SampleOrder Order = new([16, 16, 16], seed: 5, window: 2, GlobalBatch);

    private static readonly int[] WorldSizes = [1, 2, 3, 4, 10];

    public static TheoryData<int, int> Worlds
    {
        get
        {
            var pairs = new TheoryData<int, int>();
            foreach (var (before, after) in WorldSizes.SelectMany(before => WorldSizes.Select(after => (before, after))))
            {
                pairs.Add(before, after);
            }

            return pairs;
        }
    }

    [Theory]
    [MemberData(nameof(Worlds))]
    public void Every_sample_is_consumed_once_for_any_world_sizes(int before, int after)
    {
        var uses = new List<SampleUse>();
        var report = Audit([Generation(1, 0, before), .. Steps(1, 4, before), Generation(2, 4, after), .. Steps(5, 12, after)], uses);

        Assert.Empty(report.Faults);
        Assert.Equal(12, report.Steps);
        Assert.Equal([48, 48, 24], report.Epochs.Select(epoch => epoch.Once));
        Assert.All(report.Epochs, epoch => Assert.Equal((0, 0), (epoch.Duplicates, epoch.Missing)));
        Assert.Equal(
            Enumerable.Range(0, Samples).Select(i => (long)i),
            uses.Where(use => use.Sample.Epoch == 0).Select(use => use.Sample.Index).Order()
        );
        Assert.Equal(uses.Count, uses.Select(use => use.Sample).Distinct().Count());
        Assert.All(uses, use => Assert.InRange(use.Rank, 0, (use.Step <= 4 ? before : after) - 1));
    }

    [Fact]
    public void Each_corpus_of_a_mixture_is_audited_by_its_own_epochs()
    {
        var order = new SampleOrder([new CorpusShare([16, 8], 3), new CorpusShare([5, 4], 2)], seed: 5, window: 2, GlobalBatch);
        var report = Audit([Generation(1, 0, 3), .. Steps(1, 6, 3, order)], order: order);

        Assert.Empty(report.Faults);
        Assert.All(report.Epochs, epoch => Assert.Equal((epoch.Samples, 0, 0), (epoch.Once, epoch.Duplicates, epoch.Missing)));
        Assert.Equal(
            [(0, 0, 24), (1, 0, 9), (1, 1, 9)],
            report.Epochs.Where(epoch => epoch.Samples is 24 or 9).Select(epoch => (epoch.Corpus, epoch.Epoch, epoch.Samples))
        );
        Assert.Equal(60, report.Epochs.Sum(epoch => epoch.Samples));
    }

    [Fact]
    public void A_mixture_with_different_weights_is_a_fault()
    {
        SampleOrder Order(double weight) =>
            new([new CorpusShare([16, 8], weight), new CorpusShare([5, 4], 2)], seed: 5, window: 2, GlobalBatch);
        var report = Audit([Generation(1, 0, 1), .. Steps(1, 6, 1, Order(3))], order: Order(4));
        Assert.NotEmpty(report.Faults);
        Assert.Contains(report.Epochs, epoch => epoch.Missing > 0);
    }

    [Fact]
    public void Steps_undone_by_a_return_to_a_checkpoint_count_once()
    {
        var report = Audit([Generation(1, 0, 2), .. Steps(1, 7, 2), Generation(2, 5, 3), .. Steps(6, 9, 3)]);
        Assert.Empty(report.Faults);
        Assert.Equal((9, 2), (report.Steps, report.UndoneSteps));
        Assert.Equal([48, 42], report.Epochs.Select(epoch => epoch.Once));
    }

    [Fact]
    public void A_step_that_is_not_recorded_is_a_gap()
    {
        var report = Audit([Generation(1, 0, 2), .. Steps(1, 2, 2), .. Steps(4, 4, 2)]);
        Assert.Contains("step 3 is not recorded", report.Faults, StringComparer.Ordinal);
        Assert.Equal(10, Assert.Single(report.Epochs).Missing);
    }

    [Fact]
    public void A_step_that_is_recorded_twice_is_a_fault() =>
        Assert.Contains(
            "step 2 is recorded twice",
            Audit([Generation(1, 0, 1), .. Steps(1, 2, 1), .. Steps(2, 3, 1)]).Faults,
            StringComparer.Ordinal
        );

    [Fact]
    public void Samples_that_differ_from_the_order_are_a_fault_of_their_rank()
    {
        var wrong = Step(2, 2);
        var shares = wrong.Shares.ToArray();
        shares[1] = shares[1] with { Digest = Step(3, 2).Shares[1].Digest };
        var report = Audit([Generation(1, 0, 2), .. Steps(1, 1, 2), new LedgerEntry(null, wrong with { Shares = shares })]);
        Assert.Contains("step 2, rank 1 of 2: its 5 samples are not those of the sample order", report.Faults, StringComparer.Ordinal);
        Assert.Equal(5, Assert.Single(report.Epochs).Missing);
    }

    [Fact]
    public void A_share_of_the_wrong_size_is_a_fault()
    {
        var wrong = Step(1, 3);
        var shares = wrong.Shares.ToArray();
        shares[2] = shares[2] with { Samples = 3 };
        Assert.Contains(
            "step 1, rank 2 of 3: read 3 samples, its slice has 4",
            Audit([Generation(1, 0, 3), new LedgerEntry(null, wrong with { Shares = shares })]).Faults,
            StringComparer.Ordinal
        );
    }

    [Fact]
    public void Steps_that_no_generation_recorded_are_a_gap() =>
        Assert.Contains(
            "steps 3 to 4 are not recorded",
            Audit([Generation(1, 0, 1), .. Steps(1, 2, 1), Generation(2, 4, 1), .. Steps(5, 5, 1)]).Faults,
            StringComparer.Ordinal
        );

    [Fact]
    public void A_step_may_be_recorded_after_the_generation_that_builds_on_it() =>
        Assert.Empty(Audit([Generation(1, 0, 2), .. Steps(1, 2, 2), Generation(2, 4, 1), .. Steps(3, 4, 2), .. Steps(5, 5, 1)]).Faults);

    private static AuditReport Audit(IEnumerable<LedgerEntry> entries, List<SampleUse>? uses = null, SampleOrder? order = null) =>
        new SampleAudit(order ?? Order).Run(entries, uses is null ? null : uses.Add);

    private static LedgerEntry Generation(int number, long startStep, int world) =>
        new(
            new GenerationRecord(number, startStep, [.. Enumerable.Range(0, world).Select(i => $"worker-{i}")], DateTimeOffset.UnixEpoch),
            null
        );

    private static IEnumerable<LedgerEntry> Steps(long first, long last, int world, SampleOrder? order = null)
    {
        for (var step = first; step <= last; step++)
        {
            yield return new LedgerEntry(null, Step(step, world, order));
        }
    }

    private static StepRecord Step(long step, int world, SampleOrder? order = null)
    {
        var batch = (order ?? Order).GlobalBatch(step - 1);
        return new StepRecord(
            1,
            new StepMetrics
            {
                Step = step,
                Samples = step * GlobalBatch,
                Epoch = 0,
                Loss = 1,
                LogitScale = 14,
                GradientNorm = 1,
                LearningRate = 0,
                StepSeconds = 1,
                ImagesPerSecond = 1,
                DataWaitShare = 0,
                BadSamples = 0,
            },
            [
                .. Enumerable
                    .Range(0, world)
                    .Select(rank =>
                    {
                        var (start, count) = SampleOrder.LocalSlice(GlobalBatch, rank, world);
                        return new StepShare(count, 0, SampleDigest.Of(batch.AsSpan(start, count)), 0);
                    }),
            ]
        );
    }
}
