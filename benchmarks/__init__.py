"""Speed of this project as ratios against a neighbour measured in the same run."""
