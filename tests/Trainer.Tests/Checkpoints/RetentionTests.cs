using ClipTrain.Trainer.Checkpoints;

namespace ClipTrain.Trainer.Tests.Checkpoints;

public sealed class RetentionTests
{
    [Fact]
    public void A_run_that_never_goes_back_keeps_the_newest() => Assert.Equal([1, 2], new Retention(2).Superfluous([1, 2, 3, 4]));

    [Fact]
    public void Fewer_checkpoints_than_to_keep_all_stay() => Assert.Empty(new Retention(3).Superfluous([1, 2]));

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(20)]
    [InlineData(50)]
    public void Whatever_step_shows_a_divergence_the_last_checkpoint_before_its_cause_stays(int every)
    {
        for (var keep = 1; keep <= 3; keep++)
        {
            var stored = new List<long>();
            for (var newest = (long)every; newest <= 200; newest += every)
            {
                stored.Add(newest);

                // The alert comes while the last steps are not yet judged.
                for (var sound = Math.Max(0, newest - 30); sound <= newest; sound++)
                {
                    var gone = new Retention(keep) { SoundStep = sound }
                        .Superfluous(stored)
                        .ToHashSet();
                    for (var alert = sound + 1; alert <= newest; alert++)
                    {
                        var goal = stored.LastOrDefault(step => step < alert - Retention.BlamedSteps);
                        Assert.DoesNotContain(goal, gone);
                    }
                }

                stored.RemoveAll(
                    new Retention(keep) { SoundStep = newest - 30 }
                        .Superfluous(stored)
                        .ToHashSet()
                        .Contains
                );
            }

            Assert.InRange(stored.Count, keep, keep + 2 + (50 / every));
        }
    }
}
