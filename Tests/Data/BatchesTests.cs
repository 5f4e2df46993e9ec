using DistTrain.Data;

namespace DistTrain.Tests.Data;

public class BatchesTests
{
    [Theory]
    [InlineData(1000, 64, 4, false)]
    [InlineData(1000, 64, 3, true)]
    [InlineData(130, 64, 7, false)] // a last batch of 2, smaller than the shards
    [InlineData(10, 64, 4, false)]
    public void Pieces_cut_each_epoch_into_every_position_once(int samples, int batchSize, int shards, bool dropLast)
    {
        var batches = new Batches(samples, batchSize, shards, dropLast);
        for (var epoch = 0; epoch < 2; epoch++)
        {
            var position = 0;
            for (var step = batches.FirstStep(epoch); step < batches.FirstStep(epoch + 1); step++)
            {
                Assert.Equal((epoch, (int)(step - batches.FirstStep(epoch))), batches.Locate(step));
                for (var shard = 0; shard < shards; shard++)
                {
                    var piece = batches.Piece(step, shard);
                    Assert.Equal(epoch, piece.Epoch);
                    Assert.Equal(position, piece.Start);
                    Assert.InRange(piece.Count, 0, batches.LargestPiece);
                    position += piece.Count;
                }
            }
            Assert.Equal(dropLast ? samples / batchSize * batchSize : samples, position);
        }
    }

    [Fact]
    public void A_piece_follows_the_formula_where_32_bits_would_overflow()
    {
        var batches = new Batches(2_000_000_000, 2_000_000_000, 1000);
        Assert.Equal(new SampleRange(0, 1_998_000_000, 2_000_000), batches.Piece(0, 999));
        Assert.Equal(1, batches.PerEpoch);
        Assert.Equal(new SampleRange(3, 1_999_999_999, 1), new Batches(2_000_000_000, 1_999_999_999).Batch(7));
    }

    [Theory]
    [InlineData(0, 1, 1, false, "0 samples")]
    [InlineData(10, 0, 1, false, "batch size was 0")]
    [InlineData(10, 1, 0, false, "shards was 0")]
    [InlineData(10, 11, 1, true, "10 samples make no batch of 11")]
    public void Sizes_that_make_no_step_are_refused(int samples, int batchSize, int shards, bool dropLast, string message)
    {
        var error = Assert.Throws<UserErrorException>(() => new Batches(samples, batchSize, shards, dropLast));
        Assert.Contains(message, error.Message);
    }
}
